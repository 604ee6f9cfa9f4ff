//! One call of one action: a fresh instance within its limits.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime};

use wasmtime::Store;
use wasmtime_wasi::{FsPerms, WasiCtx, WasiCtxBuilder};
use wasmtime_wasi_http::WasiHttpHooks;

use super::answer;
use super::cpu_time::Counted;
use super::limits::Exceeded;
use super::report::Failure;
use super::sandbox::{self, Usage};
use super::setup::Limits;
use crate::action_name::ActionName;
use crate::capability::Grants;
use crate::capability::call::{Call, Guest, Phase};
use crate::capability::offline::Offline;
use crate::capability::process::Runner;
use crate::capability::wall::Wall;
use crate::capability::{Capabilities, Facilities};
use crate::contract::{ActionFull, ActionFullPre, uploads};
use crate::upload::{Delivery, Origin, Upload};

/// `check` runs while the camera waits; it has nothing to wait for.
const CHECK: Limits =
    Limits { cpu: Duration::from_millis(100), wall: Duration::from_millis(200), memory: 64 << 20 };

/// Files that an action may wait for. A guest of JavaScript that forgets to
/// return a number was seen to answer 0, one that returns -1 four billion.
const MOST_FILES: u32 = 100;

/// Target of the events that tell what a call took.
pub const USAGE: &str = "usage";

/// Why the camera must hear no.
#[derive(Debug)]
pub enum CheckError {
    /// The action does not want this upload.
    Rejected(uploads::Rejection),
    /// The action is broken.
    Failed(Failure),
}

/// Why an upload was not delivered.
#[derive(Debug)]
pub enum DeliverError {
    /// It may work later.
    Retry(uploads::RetryAdvice),
    /// It may work when the network is back.
    Offline(uploads::RetryAdvice),
    /// It will not work.
    Rejected(uploads::Rejection),
    /// The action is broken, for this upload at least.
    Failed(Failure),
}

/// A loaded plugin with the settings of one instance.
pub struct Action {
    /// Its name in `[ACTIONS]`.
    pub name: ActionName,
    /// SHA-256 of its component.
    pub digest: Arc<str>,
    /// Whether it comes with the program.
    pub is_bundled: bool,
    pub(super) component: ActionFullPre<State>,
    pub(super) settings: Arc<str>,
    pub(super) grants: Grants,
    pub(super) limits: Limits,
    pub(super) facilities: Arc<Facilities>,
    pub(super) command: Option<Arc<Runner>>,
}

impl Action {
    /// What it may ask of the host.
    pub fn grants(&self) -> &Grants {
        &self.grants
    }

    /// The folders of `upload` below the action's own, to be kept with its
    /// delivery; none if its files lie in the action's own.
    pub fn folders(&self, upload: &Upload) -> Option<String> {
        Some(self.grants.folders.as_ref()?.fill(upload))
    }

    /// Asks whether this upload can be delivered; answers how many files make
    /// it complete.
    ///
    /// # Errors
    /// The action's rejection, or its failure to answer within 200 ms.
    pub async fn check(&self, draft: &Arc<Delivery>) -> Result<u32, CheckError> {
        let limits = Limits { memory: self.limits.memory.max(CHECK.memory), ..CHECK };
        let call = self.begin(draft, Phase::Check, limits);
        let answered = self
            .run(&call, limits, async |store, instance| {
                let draft = describe(draft);
                instance.afterimage_action_handler().call_check(store, &draft).await
            })
            .await
            .map_err(CheckError::Failed)?;
        answered
            .map(|files| files.clamp(1, MOST_FILES))
            .map_err(|rejection| CheckError::Rejected(answer::rejection(rejection)))
    }

    /// Delivers.
    ///
    /// # Errors
    /// What the action says, or its failure.
    pub async fn deliver(
        &self,
        delivery: &Arc<Delivery>,
    ) -> Result<uploads::Receipt, DeliverError> {
        let call = self.begin(delivery, Phase::Deliver, self.limits);
        let answered = self
            .run(&call, self.limits, async |store, instance| {
                let upload = describe(delivery);
                instance.afterimage_action_handler().call_deliver(store, &upload).await
            })
            .await
            .map_err(DeliverError::Failed)?;
        answered.map(answer::receipt).map_err(|failure| match failure {
            uploads::Failure::Retry(advice) if call.offline.is_offline() => {
                DeliverError::Offline(answer::advice(advice))
            }
            uploads::Failure::Retry(advice) => DeliverError::Retry(answer::advice(advice)),
            uploads::Failure::Reject(rejection) => {
                DeliverError::Rejected(answer::rejection(rejection))
            }
        })
    }

    fn begin(&self, delivery: &Arc<Delivery>, phase: Phase, limits: Limits) -> Call {
        Call {
            delivery: delivery.clone(),
            phase,
            is_bundled: self.is_bundled,
            wall: Wall::new(limits.wall),
            offline: Offline::default(),
        }
    }

    async fn run<T>(
        &self,
        call: &Call,
        limits: Limits,
        function: impl AsyncFnOnce(&mut Store<State>, &ActionFull) -> wasmtime::Result<T>,
    ) -> Result<T, Failure> {
        let settings = self.settings.clone();
        let capabilities =
            Capabilities::new(call, settings, &self.grants, &self.facilities, &self.command);
        let log = capabilities.log.clone();
        let usage = Usage::default();
        let started = Instant::now();
        let work = async {
            let wasi = view(&capabilities, call)?;
            let host = Host(capabilities);
            let engine = self.component.engine();
            let mut store = sandbox::store(engine, host, wasi, limits, &usage);
            let instance = self.component.instantiate_async(&mut store).await?;
            function(&mut store, &instance).await
        };
        let work = Counted::new(work, usage.cpu.clone(), limits.cpu);
        let outcome = call.wall.bound(work).await;
        tracing::debug!(
            target: USAGE,
            action = %self.name,
            cpu_us = usage.cpu.spent().as_micros() as u64,
            wall_us = started.elapsed().as_micros() as u64,
            memory_kib = usage.memory.load(Ordering::Relaxed) >> 10,
            "{}",
            if call.phase == Phase::Deliver { "deliver" } else { "check" },
        );
        match outcome {
            Some(Ok(answer)) => {
                log.finish();
                Ok(answer)
            }
            Some(Err(error)) => Err(Failure::new(&error, log.finish())),
            None => Err(Failure::exceeded(&Exceeded::Wall { limit: limits.wall }, log.finish())),
        }
    }
}

/// What a guest sees of the machine: what it prints is kept, and there is the
/// folder of its files, if it is time for them.
fn view(capabilities: &Capabilities, call: &Call) -> wasmtime::Result<WasiCtxBuilder> {
    let mut wasi = WasiCtx::builder();
    wasi.stdout(capabilities.log.stdout()).stderr(capabilities.log.stderr());
    if call.phase == Phase::Deliver {
        wasi.preopened_dir(call.delivery.copy.folder(), "/upload", FsPerms::ReadOnly)?;
    }
    Ok(wasi)
}

/// The host's side of an action's store.
pub struct Host(pub Capabilities);

impl sandbox::Host for Host {
    fn requests(&mut self) -> &mut dyn WasiHttpHooks {
        &mut self.0.http
    }
}

impl Guest for State {
    fn capabilities(&mut self) -> &mut Capabilities {
        &mut self.host.0
    }
}

/// What the store of an action holds.
pub type State = sandbox::State<Host>;

/// The upload as the contract describes it.
fn describe(delivery: &Delivery) -> uploads::Upload {
    let upload = &delivery.upload;
    let (origin, service) = match &upload.origin {
        Origin::Email => (uploads::Origin::Email, None),
        Origin::Social { service, .. } => (uploads::Origin::Social, Some(service.clone())),
    };
    uploads::Upload {
        id: delivery.id.clone(),
        attempt: delivery.attempt,
        origin,
        service,
        instance: delivery.action.instance.clone(),
        sender: upload.sender.clone(),
        recipients: delivery.recipients.clone(),
        subject: upload.subject.clone(),
        body: upload.body.clone(),
        camera: upload.camera.clone(),
        received_at: rfc3339(upload.received_at),
        files: (0..)
            .zip(&upload.files)
            .map(|(index, file)| uploads::File {
                index,
                name: file.name.clone(),
                content_type: file.content_type.clone(),
                size: file.size,
                sha256: file.sha256.clone(),
                path: format!("/upload/{}", file.name),
            })
            .collect(),
        attributes: upload.attributes.clone(),
    }
}

fn rfc3339(time: SystemTime) -> String {
    humantime::format_rfc3339_seconds(time).to_string()
}
