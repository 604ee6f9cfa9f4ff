//! Work on a file that must not block the runtime: in order, one piece at a
//! time, while the next piece is being brought.

use std::io;

use tokio::task::{JoinHandle, spawn_blocking};

/// Something that is worked on by a thread, one piece after the other.
pub(super) enum Lane<T> {
    /// Waits for the next piece.
    Idle(T),
    /// Works on one.
    Busy(JoinHandle<io::Result<T>>),
    /// A piece failed, and so does every later one.
    Failed,
}

impl<T: Send + 'static> Lane<T> {
    pub(super) fn new(subject: T) -> Self {
        Self::Idle(subject)
    }

    /// Whether a piece would begin at once.
    pub(super) fn is_free(&self) -> bool {
        match self {
            Self::Idle(_) => true,
            Self::Busy(work) => work.is_finished(),
            Self::Failed => false,
        }
    }

    /// Waits for the piece before, and begins with the next.
    ///
    /// # Errors
    /// Those of the pieces before.
    pub(super) async fn begin(
        &mut self,
        piece: impl FnOnce(&mut T) -> io::Result<()> + Send + 'static,
    ) -> io::Result<()> {
        let mut subject = self.end().await?;
        *self = Self::Busy(spawn_blocking(move || piece(&mut subject).map(|()| subject)));
        Ok(())
    }

    /// Waits for the last piece; the subject, which leaves the lane.
    ///
    /// # Errors
    /// Those of all pieces.
    pub(super) async fn end(&mut self) -> io::Result<T> {
        match std::mem::replace(self, Self::Failed) {
            Self::Idle(subject) => Ok(subject),
            Self::Busy(work) => work.await?,
            Self::Failed => Err(io::Error::other("an earlier part failed")),
        }
    }
}
