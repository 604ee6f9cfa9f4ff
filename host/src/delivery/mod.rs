//! From an accepted upload to delivered: which actions, and when. Contains no
//! policy of any single action.

mod clock;
mod engine;
mod intake;
mod retry;
mod routes;

pub use engine::Engine;
pub use intake::Intake;
