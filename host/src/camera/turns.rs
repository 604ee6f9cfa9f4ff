//! Turns at something of which there is one, fair to each address: who asks a
//! hundred times waits for himself only.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

/// Who waits for a turn. Clones are the same queue.
#[derive(Clone, Default)]
pub(super) struct Turns(Arc<Mutex<Queue>>);

#[derive(Default)]
struct Queue {
    taken: bool,
    /// Addresses that wait, the next first, each once.
    order: VecDeque<IpAddr>,
    waiting: HashMap<IpAddr, VecDeque<oneshot::Sender<Turn>>>,
}

/// A turn, which ends when it is dropped.
pub(super) struct Turn(Option<Turns>);

impl Turns {
    /// Waits for a turn of `address`; `None` if `most` wait already that come
    /// from there.
    pub(super) async fn take(&self, address: IpAddr, most: usize) -> Option<Turn> {
        let turn = {
            let mut queue = self.queue();
            if !queue.taken {
                queue.taken = true;
                return Some(Turn(Some(self.clone())));
            }
            let waiting = queue.waiting.entry(address).or_default();
            waiting.retain(|waiter| !waiter.is_closed());
            if waiting.len() >= most {
                return None;
            }
            let (sender, turn) = oneshot::channel();
            waiting.push_back(sender);
            if !queue.order.contains(&address) {
                queue.order.push_back(address);
            }
            turn
        };
        turn.await.ok()
    }

    /// Whether nobody has a turn.
    pub(super) fn is_idle(&self) -> bool {
        !self.queue().taken
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives the turn to the next address, or to nobody.
    fn pass_on(&self) {
        loop {
            let next = self.queue().next();
            let Some(waiter) = next else { return };
            match waiter.send(Turn(Some(self.clone()))) {
                Ok(()) => return,
                // Nobody waits for it any more; it is passed on from here.
                Err(mut turn) => turn.0 = None,
            }
        }
    }
}

impl Queue {
    /// Who is next; frees the turn if nobody is.
    fn next(&mut self) -> Option<oneshot::Sender<Turn>> {
        while let Some(address) = self.order.pop_front() {
            let Some(waiting) = self.waiting.get_mut(&address) else { continue };
            let next = waiting.pop_front();
            if waiting.is_empty() {
                self.waiting.remove(&address);
            } else {
                self.order.push_back(address);
            }
            if next.is_some() {
                return next;
            }
        }
        self.taken = false;
        None
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(turns) = self.0.take() {
            turns.pass_on();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    #[tokio::test]
    async fn an_address_with_many_in_the_queue_takes_turns_with_others() {
        let turns = Turns::default();
        let first = turns.take(address(1), 10).await.unwrap();
        let order = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = Vec::new();
        for from in [1, 1, 1, 2, 2, 3] {
            let (turns, order) = (turns.clone(), order.clone());
            tasks.push(tokio::spawn(async move {
                let turn = turns.take(address(from), 10).await.unwrap();
                order.lock().unwrap().push(from);
                drop(turn);
            }));
            tokio::task::yield_now().await;
        }
        drop(first);
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(*order.lock().unwrap(), [1, 2, 3, 1, 2, 1]);
        assert!(turns.is_idle() && turns.queue().waiting.is_empty());
    }

    #[tokio::test]
    async fn one_that_waits_no_more_is_passed_over() {
        let turns = Turns::default();
        let first = turns.take(address(1), 10).await.unwrap();
        let gone = tokio::spawn({
            let turns = turns.clone();
            async move { turns.take(address(2), 10).await.map(drop) }
        });
        tokio::task::yield_now().await;
        gone.abort();
        let _ = gone.await;
        let next = tokio::spawn({
            let turns = turns.clone();
            async move { turns.take(address(3), 10).await.map(drop) }
        });
        tokio::task::yield_now().await;
        drop(first);
        assert!(next.await.unwrap().is_some());
        assert!(turns.is_idle());
    }

    #[tokio::test]
    async fn no_more_wait_for_one_address_than_may() {
        let turns = Turns::default();
        let first = turns.take(address(1), 1).await.unwrap();
        let waits = tokio::spawn({
            let turns = turns.clone();
            async move { turns.take(address(1), 1).await.map(drop) }
        });
        tokio::task::yield_now().await;
        assert!(turns.take(address(1), 1).await.is_none());
        drop(first);
        assert!(waits.await.unwrap().is_some());
    }
}
