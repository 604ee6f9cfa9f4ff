//! From an accepted upload to delivered: which actions, and when. Contains no
//! policy of any single action.

mod intake;
mod routes;

pub use intake::Intake;
