//! Where the camera side ends: an upload is checked and made durable while the
//! camera waits. A post of several files is collected here.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use tokio::sync::{Mutex, Notify, Semaphore};

use super::routes::{self, Routes};
use super::settings::Settings;
use super::words;
use crate::action_name::ActionName;
use crate::camera::{self, Refused};
use crate::contract::uploads::RejectionReason;
use crate::current::Current;
use crate::plugin::{Actions, CheckError};
use crate::spool::{
    self, Accepted, Lease, Planned, Post, Repeats, Sighting, Spool, SpoolError, Wait,
};
use crate::upload::{Delivery, Origin, Upload, WorkingCopy};

/// Checks at once; apart from deliveries, which may take minutes while a
/// camera waits for its check.
const CHECKS: usize = 4;

/// Posts that grow at once; one of them takes its files one after the other.
const POSTS: usize = 16;

/// Accepts uploads for the actions of a server.
pub struct Intake {
    spool: Arc<dyn Spool>,
    routes: Arc<Current<Routes>>,
    actions: Arc<Actions>,
    settings: Settings,
    checks: Semaphore,
    posts: [Mutex<()>; POSTS],
    wake: Arc<Notify>,
}

impl Intake {
    /// Accepts uploads into `spool` for `actions`, which must always hold
    /// every action of `routes`, and notifies `wake` of each.
    pub fn new(
        spool: Arc<dyn Spool>,
        routes: Arc<Current<Routes>>,
        actions: Arc<Actions>,
        settings: Settings,
        wake: Arc<Notify>,
    ) -> Self {
        let checks = Semaphore::new(CHECKS);
        Self { spool, routes, actions, settings, checks, posts: Default::default(), wake }
    }
}

impl camera::Intake for Arc<Intake> {
    fn begin(&self) -> Result<Lease, Refused> {
        let largest = self.settings.max_queue;
        if self.spool.undelivered() >= largest {
            return Err(Refused::QueueFull(largest));
        }
        self.spool.begin().map_err(|error| Refused::Disk(error.to_string()))
    }

    async fn accept(&self, upload: Upload, lease: Lease) -> Result<(), Refused> {
        let intake = self.clone();
        // On a task of its own: a camera that hangs up must not stop it
        // half-way, with a post taken apart.
        let accepted = tokio::spawn(async move { intake.take(upload, lease).await });
        accepted.await.unwrap_or_else(|error| Err(Refused::Disk(error.to_string())))
    }
}

impl Intake {
    async fn take(&self, upload: Upload, lease: Lease) -> Result<(), Refused> {
        match &upload.origin {
            Origin::Email => self.accept_new(upload, lease).await?,
            Origin::Social { service, session } => {
                let mut hasher = DefaultHasher::new();
                (service, session).hash(&mut hasher);
                let place = hasher.finish() % POSTS as u64;
                let _alone = self.posts[usize::try_from(place).unwrap_or(0)].lock().await;
                self.accept_for_post(upload, lease).await?;
            }
        }
        self.wake.notify_one();
        Ok(())
    }

    async fn accept_new(&self, upload: Upload, lease: Lease) -> Result<(), Refused> {
        let mut planned = self.plan(&upload).await?;
        // A mail has all its files.
        if upload.origin != Origin::Email {
            for (planned, complete) in &mut planned {
                planned.wait = self.wait(upload.files.len() < *complete);
            }
        }
        let planned = planned.into_iter().map(|(planned, _)| planned).collect();
        let repeats = Repeats::Upload(self.settings.repeat_window);
        if self.take_whole(&upload, lease, planned, repeats).await? == Accepted::Repeat {
            repeated(&upload);
        }
        Ok(())
    }

    /// The deliveries that `upload` shall have, which wait for no other file,
    /// and how many files would make it complete for each.
    pub(super) async fn plan(&self, upload: &Upload) -> Result<Vec<(Planned, usize)>, Refused> {
        let mut planned = Vec::new();
        for (action, recipients) in routes::actions(&self.routes.now(), upload)? {
            let id = uuid::Uuid::now_v7().to_string();
            let complete = self.check(&id, &action, &recipients, upload).await?;
            let folders = self.actions.find(&action).and_then(|action| action.folders(upload));
            let wait = self.wait(false);
            planned.push((Planned { id, action, recipients, folders, wait }, complete));
        }
        Ok(planned)
    }

    /// Makes `upload` durable, as it is, and starts its deliveries.
    pub(super) async fn take_whole(
        &self,
        upload: &Upload,
        lease: Lease,
        planned: Vec<Planned>,
        repeats: Repeats,
    ) -> Result<Accepted, Refused> {
        let actions: Vec<ActionName> =
            planned.iter().map(|planned| planned.action.clone()).collect();
        let accepted = self.spool.accept(upload, lease, planned, repeats).await;
        let accepted = accepted.map_err(|error| Refused::Disk(error.to_string()))?;
        if accepted == Accepted::New {
            tracing::info!("{}", words::accepted(upload, &actions));
        }
        self.wake.notify_one();
        Ok(accepted)
    }

    /// Notes what was seen of a camera; only the operator would miss it.
    pub(super) async fn note(&self, sighting: Sighting) {
        if let Err(error) = self.spool.sighted(sighting).await {
            tracing::warn!("cannot note which camera came: {error}");
        }
    }

    /// A file of a post: of one that waits for it, or of a new one.
    async fn accept_for_post(&self, upload: Upload, lease: Lease) -> Result<(), Refused> {
        let Origin::Social { service, session } = &upload.origin else {
            return self.accept_new(upload, lease).await;
        };
        let disk = |error: SpoolError| Refused::Disk(error.to_string());
        let window = self.settings.repeat_window;
        if self.spool.is_repeat(&upload, window).await.map_err(disk)? {
            repeated(&upload);
            lease.discard().await;
            return Ok(());
        }
        let post = self.spool.post(service, session).await.map_err(disk)?;
        let Some(post) = post.filter(|post| post.upload.body == upload.body) else {
            return self.accept_new(upload, lease).await;
        };
        if self.extend(&post, &upload, &lease).await? {
            lease.discard().await;
            return Ok(());
        }
        // Its time was up meanwhile.
        self.accept_new(upload, lease).await
    }

    async fn extend(&self, post: &Post, upload: &Upload, lease: &Lease) -> Result<bool, Refused> {
        let files = spool::beside(&post.upload.files, &upload.files);
        let mut whole = post.upload.clone();
        whole.files.extend(files.clone());
        let mut complete = 1;
        let actions = routes::actions(&self.routes.now(), &whole)?;
        let names: Vec<ActionName> = actions.iter().map(|(action, _)| action.clone()).collect();
        for (action, recipients) in actions {
            complete = self.check(&post.delivery, &action, &recipients, &whole).await?;
        }
        let wait = self.wait(whole.files.len() < complete);
        let extended = self.spool.extend(post, lease, files, wait).await;
        let extended = extended.map_err(|error| Refused::Disk(error.to_string()))?;
        if extended {
            tracing::info!("{}", words::accepted(upload, &names));
        }
        Ok(extended)
    }

    fn wait(&self, collects: bool) -> Wait {
        match collects {
            true => Wait::File(self.settings.collect_timeout),
            false => Wait::Attempt(self.settings.retry_delays.first().copied().unwrap_or_default()),
        }
    }

    /// How many files make `upload` complete for `action`.
    async fn check(
        &self,
        id: &str,
        action: &ActionName,
        recipients: &[String],
        upload: &Upload,
    ) -> Result<usize, Refused> {
        let draft = Arc::new(Delivery {
            id: id.to_owned(),
            attempt: 0,
            action: action.clone(),
            upload: Arc::new(upload.clone()),
            recipients: recipients.to_vec(),
            folders: None,
            copy: WorkingCopy::none(),
            notes: self.spool.notes(id),
        });
        let _place = self.checks.acquire().await.expect("the semaphore is never closed");
        let action_now = self.actions.find(action).expect("routes only lead to what is loaded");
        match action_now.check(&draft).await {
            Ok(files) => Ok(usize::try_from(files).unwrap_or(usize::MAX)),
            Err(CheckError::Rejected(rejection)) => Err(Refused::Rejected {
                action: action.to_string(),
                unauthorized: rejection.reason == RejectionReason::Unauthorized,
                message: rejection.message,
            }),
            Err(CheckError::Failed(failure)) => {
                Err(Refused::Failed { action: action.to_string(), reason: failure.to_string() })
            }
        }
    }
}

fn repeated(upload: &Upload) {
    tracing::info!(
        sender = upload.sender,
        "the same upload came again, as after a lost answer; it is on its way already"
    );
}
