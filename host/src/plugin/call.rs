//! One call of one action: a fresh instance within its limits.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime};

use wasmtime::component::ResourceTable;
use wasmtime::{Store, UpdateDeadline};
use wasmtime_wasi::{FsPerms, WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use super::limits::{Cpu, Exceeded, Memory};
use super::metered::Metered;
use super::report::Failure;
use super::setup::Limits;
use crate::action_name::ActionName;
use crate::capability::Grants;
use crate::capability::offline::Offline;
use crate::capability::process::Runner;
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

/// Bytes that one host call may hand over.
pub(super) const HOSTCALL_FUEL: usize = 2 << 20;
/// Handles that a guest may hold.
pub(super) const HANDLES: usize = 1_000;
/// Host objects (files, streams) that a guest may hold.
pub(super) const OBJECTS: usize = 256;
/// Bytes of header fields.
pub(super) const FIELDS: usize = 64 << 10;
/// Bytes of randomness in one call.
pub(super) const RANDOM: u64 = 1 << 20;

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
    pub(super) component: ActionFullPre<State>,
    pub(super) settings: Arc<str>,
    pub(super) grants: Grants,
    pub(super) limits: Limits,
    pub(super) facilities: Arc<Facilities>,
    pub(super) command: Option<Arc<Runner>>,
}

impl Action {
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
        let answer = self
            .call(draft, None, limits, &Offline::default(), async |store, instance| {
                let draft = describe(draft);
                instance.afterimage_action_handler().call_check(store, &draft).await
            })
            .await
            .map_err(CheckError::Failed)?;
        answer
            .map(|files| files.clamp(1, MOST_FILES))
            .map_err(|rejection| CheckError::Rejected(tidy(rejection)))
    }

    /// Delivers.
    ///
    /// # Errors
    /// What the action says, or its failure.
    pub async fn deliver(
        &self,
        delivery: &Arc<Delivery>,
    ) -> Result<uploads::Receipt, DeliverError> {
        let offline = Offline::default();
        let answer = self
            .call(
                delivery,
                Some(delivery.copy.folder()),
                self.limits,
                &offline,
                async |store, instance| {
                    let upload = describe(delivery);
                    instance.afterimage_action_handler().call_deliver(store, &upload).await
                },
            )
            .await
            .map_err(DeliverError::Failed)?;
        answer.map_err(|failure| match failure {
            uploads::Failure::Retry(advice) if offline.is_offline() => {
                DeliverError::Offline(advice)
            }
            uploads::Failure::Retry(advice) => DeliverError::Retry(advice),
            uploads::Failure::Reject(rejection) => DeliverError::Rejected(tidy(rejection)),
        })
    }

    async fn call<T>(
        &self,
        delivery: &Arc<Delivery>,
        files: Option<&Path>,
        limits: Limits,
        offline: &Offline,
        function: impl AsyncFnOnce(&mut Store<State>, &ActionFull) -> wasmtime::Result<T>,
    ) -> Result<T, Failure> {
        let capabilities = Capabilities::new(
            delivery,
            files.is_none(),
            self.settings.clone(),
            &self.grants,
            &self.facilities,
            &self.command,
            limits.wall,
            offline,
        );
        let log = capabilities.log.clone();
        let memory = Arc::new(AtomicUsize::new(0));
        let started = Instant::now();
        let mut call = Box::pin(Metered::new(async {
            let mut store = self.store(capabilities, files, limits, memory.clone())?;
            let instance = self.component.instantiate_async(&mut store).await?;
            function(&mut store, &instance).await
        }));
        let outcome = tokio::time::timeout(limits.wall, call.as_mut()).await;
        tracing::debug!(
            target: USAGE,
            action = %self.name,
            cpu_us = call.spent().as_micros() as u64,
            wall_us = started.elapsed().as_micros() as u64,
            memory_kib = memory.load(Ordering::Relaxed) >> 10,
            "{}",
            if files.is_some() { "deliver" } else { "check" },
        );
        // The store with it: nothing of the call is left when its end is told.
        drop(call);
        match outcome {
            Ok(Ok(answer)) => {
                log.finish();
                Ok(answer)
            }
            Ok(Err(error)) => Err(Failure::new(&error, log.finish())),
            Err(_) => Err(Failure::exceeded(&Exceeded::Wall { limit: limits.wall }, log.finish())),
        }
    }

    fn store(
        &self,
        capabilities: Capabilities,
        files: Option<&Path>,
        limits: Limits,
        memory: Arc<AtomicUsize>,
    ) -> wasmtime::Result<Store<State>> {
        let mut wasi = WasiCtx::builder();
        wasi.stdout(capabilities.log.stdout()).stderr(capabilities.log.stderr());
        wasi.max_random_size(RANDOM);
        if let Some(folder) = files {
            wasi.preopened_dir(folder, "/upload", FsPerms::ReadOnly)?;
        }
        let mut table = ResourceTable::new();
        table.set_max_capacity(OBJECTS);
        let mut http = WasiHttpCtx::new();
        http.set_field_size_limit(FIELDS);
        let mut store = Store::new(
            self.component.engine(),
            State {
                capabilities,
                wasi: wasi.build(),
                http,
                table,
                memory: Memory::new(limits.memory, memory),
            },
        );
        store.limiter(|state| &mut state.memory);
        store.set_hostcall_fuel(HOSTCALL_FUEL);
        store.set_max_component_handles(HANDLES);
        let mut cpu = Cpu::new(limits.cpu);
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(move |_| {
            cpu.tick()?;
            Ok(UpdateDeadline::Yield(1))
        });
        Ok(store)
    }
}

/// What the store of a call holds.
pub(super) struct State {
    pub(super) capabilities: Capabilities,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    table: ResourceTable,
    memory: Memory,
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView {
            ctx: &mut self.http,
            table: &mut self.table,
            hooks: &mut self.capabilities.http,
        }
    }
}

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

/// Cuts a guest's message to what fits a camera's screen and the log.
fn tidy(rejection: uploads::Rejection) -> uploads::Rejection {
    let message = rejection.message.chars().filter(|c| !c.is_control()).take(120).collect();
    uploads::Rejection { message, ..rejection }
}
