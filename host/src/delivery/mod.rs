//! From an accepted upload to delivered: which actions, and when. Contains no
//! policy of any single action.

mod backup;
mod clock;
mod engine;
mod intake;
mod retry;
mod routes;
mod settings;
mod words;

pub use engine::Engine;
pub use intake::Intake;
pub use routes::Routes;
pub use settings::Settings;
