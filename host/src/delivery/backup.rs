//! Where Auto Backup ends: each file is an upload of its own, which waits for no
//! other and is known by its content when its camera sends it again.

use std::sync::Arc;
use std::time::Duration;

use super::intake::Intake;
use crate::backup;
use crate::camera::Refused;
use crate::spool::{Accepted, Lease, Repeats, Sighting};
use crate::upload::Upload;

impl backup::Intake for Arc<Intake> {
    fn begin(&self) -> Result<Lease, Refused> {
        crate::camera::Intake::begin(self)
    }

    async fn offer(&self, draft: Upload) -> Result<(), Refused> {
        self.plan(&draft).await.map(drop)
    }

    async fn accept(
        &self,
        upload: Upload,
        lease: Lease,
        repeats: Duration,
    ) -> Result<Accepted, Refused> {
        let intake = self.clone();
        // On a task of its own: a camera that hangs up must not stop it half-way.
        let accepted = tokio::spawn(async move {
            let planned = intake.plan(&upload).await?.into_iter().map(|(planned, _)| planned);
            let repeats = Repeats::Content(repeats);
            intake.take_whole(&upload, lease, planned.collect(), repeats).await
        });
        accepted.await.unwrap_or_else(|error| Err(Refused::Disk(error.to_string())))
    }

    async fn sighted(&self, sighting: Sighting) {
        self.note(sighting).await;
    }
}
