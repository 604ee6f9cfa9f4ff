//! The actions that are loaded now.

use std::collections::HashMap;
use std::sync::Arc;

use super::call::Action;
use crate::action_name::ActionName;
use crate::current::Current;

/// The actions that are loaded now. A reload replaces them one by one; a call
/// that runs goes on with the one that it began with.
pub struct Actions(Current<HashMap<ActionName, Arc<Action>>>);

impl Actions {
    /// Begins with `actions`.
    pub fn new(actions: HashMap<ActionName, Arc<Action>>) -> Self {
        Self(Current::new(actions))
    }

    /// The action of this name, as it is now.
    pub fn find(&self, name: &ActionName) -> Option<Arc<Action>> {
        self.0.now().get(name).cloned()
    }

    /// Their names, in order.
    pub fn names(&self) -> Vec<ActionName> {
        let mut names: Vec<ActionName> = self.0.now().keys().cloned().collect();
        names.sort();
        names
    }

    /// Puts `actions` in the place of those of the same names. Others stay:
    /// deliveries to them may be on their way.
    pub fn replace(&self, actions: HashMap<ActionName, Arc<Action>>) {
        let mut all = HashMap::clone(&self.0.now());
        all.extend(actions);
        self.0.replace(all);
    }
}
