//! An operator's word, sessions, the secret.

use super::*;
use crate::spool::{Announcement, QueueError, State};

/// What waits, was rejected or is parked can be tried again, given up, copied
/// out; what is delivered or under way cannot.
pub(in crate::spool) async fn an_operator_retries_drops_and_exports(bench: &dyn Bench) {
    let spool = bench.open().await;
    let queue = bench.queue().await;
    mail(&*spool, "a@example.org", "store", "1").await;
    let claims = claim(&*spool, 4).await;
    assert!(matches!(queue.retry("1").await, Err(QueueError::Busy(_))));
    assert!(matches!(queue.give_up("1").await, Err(QueueError::Busy(_))));
    let parked = Outcome::Parked { reason: "used up".to_owned(), failures: 3 };
    record(&*spool, &claims[0], parked).await;
    let entry = queue.show("1").await.unwrap();
    assert_eq!((entry.state, entry.reason.as_deref()), (State::Parked, Some("used up")));
    assert_eq!((entry.files.len(), entry.has_files), (1, true));

    let out = tempfile::tempdir().unwrap();
    let copies = queue.export("1", out.path()).await.unwrap();
    assert_eq!(std::fs::read(&copies[0]).unwrap(), b"1");
    assert!(queue.export("1", out.path()).await.is_err(), "a copy is never replaced");

    assert!(spool.is_changed().await.is_ok());
    assert_eq!(queue.retry(&entry.number.to_string()).await.unwrap().behind, 0);
    assert!(spool.is_changed().await.unwrap(), "the server notices it");
    let [fresh] = &claim(&*spool, 4).await[..] else { panic!("it is not tried again") };
    assert_eq!((fresh.failures, fresh.delivery.attempt), (0, 2));
    record(&*spool, fresh, Outcome::Rejected { reason: "no".to_owned() }).await;
    assert!(queue.give_up("1").await.unwrap().with_files);
    assert!(spool.is_changed().await.unwrap());
    assert_eq!(spool.undelivered(), 0);
    assert!(matches!(queue.show("1").await, Err(QueueError::Unknown(_))));

    mail(&*spool, "a@example.org", "store", "2").await;
    let claims = claim(&*spool, 4).await;
    record(&*spool, &claims[0], delivered()).await;
    assert!(matches!(queue.retry("2").await, Err(QueueError::Delivered(..))));
    assert!(matches!(queue.give_up("2").await, Err(QueueError::Delivered(..))));
    assert_eq!(queue.retry_all().await.unwrap(), 0);
}

/// A camera stays logged in while the server restarts.
pub(in crate::spool) async fn sessions_and_announcements_outlive_a_restart(bench: &dyn Bench) {
    let spool = bench.open().await;
    let sessions = spool.sessions().await.unwrap();
    let key = sessions.begin("a@example.org", "facebook").await.unwrap();
    let other = sessions.begin("b@example.org", "facebook").await.unwrap();
    let file = |name: &str| Announcement {
        service: "picasa".to_owned(),
        file_name: name.to_owned(),
        camera: None,
        content: "text".to_owned(),
    };
    assert_eq!(sessions.announce(&key, "_.JPG", file("ä.JPG")).await.unwrap(), "_.JPG");
    assert_eq!(sessions.announce(&key, "_.JPG", file("ö.JPG")).await.unwrap(), "_-2.JPG");
    assert_eq!(sessions.announce(&key, "_.JPG", file("ä.JPG")).await.unwrap(), "_.JPG");
    drop((sessions, spool));

    let spool = bench.open().await;
    let sessions = spool.sessions().await.unwrap();
    assert_eq!(sessions.user(&key).await.unwrap().as_deref(), Some("a@example.org"));
    let found = sessions.announcement(&key, "_-2.JPG").await.unwrap();
    assert_eq!(found, Some(file("ö.JPG")));
    assert_eq!(sessions.announcement(&other, "_-2.JPG").await.unwrap(), None);
    assert_eq!(sessions.latest(&key).await.unwrap(), Some(file("ä.JPG")));
    assert_eq!(sessions.latest(&other).await.unwrap().unwrap().service, "facebook");
    sessions.end(&key).await.unwrap();
    assert_eq!(sessions.user(&key).await.unwrap(), None);
    assert_eq!(sessions.user(&other).await.unwrap().as_deref(), Some("b@example.org"));
}

/// Made once.
pub(in crate::spool) async fn the_secret_stays_the_same(bench: &dyn Bench) {
    let secret = bench.open().await.secret().await.unwrap();
    assert_eq!(secret.len(), 64);
    assert_eq!(bench.open().await.secret().await.unwrap(), secret);
}
