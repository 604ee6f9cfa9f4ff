//! Uploads on their way in.

use super::*;
use crate::spool::beside;

/// Whatever ends the server after the OK.
pub(in crate::spool) async fn what_was_accepted_is_there_after_a_crash(bench: &dyn Bench) {
    let spool = bench.open().await;
    let large: Vec<u8> = (0..3_000_000u32).map(|n| n as u8).collect();
    let draft = Draft::mail(&*spool, "a@example.org", "text", &large).await;
    let upload = draft.upload.clone();
    draft.accept(&*spool, "1", "store.kept", AT_ONCE).await;
    drop(spool);

    let spool = bench.open().await;
    assert_eq!(spool.undelivered(), 1);
    let [claim] = &claim(&*spool, 4).await[..] else { panic!("not one delivery") };
    let delivery = &claim.delivery;
    assert_eq!((delivery.id.as_str(), delivery.attempt), ("1", 1));
    assert_eq!(delivery.action.to_string(), "store.kept");
    assert_eq!(delivery.recipients, ["b@example.org"]);
    let found = &delivery.upload;
    assert_eq!((&found.sender, &found.body), (&upload.sender, &upload.body));
    assert_eq!((&found.subject, &found.camera), (&upload.subject, &upload.camera));
    assert_eq!(found.files, upload.files);
    assert!(bytes(&*spool, claim).await == [large]);
}

/// A camera that goes away before its upload is whole leaves nothing.
pub(in crate::spool) async fn what_was_not_accepted_is_never_delivered(bench: &dyn Bench) {
    let spool = bench.open().await;
    drop(Draft::mail(&*spool, "a@example.org", "dropped", b"1").await);
    Draft::mail(&*spool, "a@example.org", "discarded", b"2").await.lease.discard().await;
    std::mem::forget(Draft::mail(&*spool, "a@example.org", "cut short", b"3").await);
    assert_eq!(spool.undelivered(), 0);
    drop(spool);
    let spool = bench.open().await;
    assert!(claim(&*spool, 4).await.is_empty());
    assert!(bench.queue().await.list(true).await.unwrap().is_empty());
}

/// Whoever waits for the OK may go at any point: the upload is there whole, or
/// not at all.
pub(in crate::spool) async fn an_accept_that_is_given_up_at_any_point_is_whole_or_not_there(
    bench: &dyn Bench,
) {
    let mut polls = 0;
    loop {
        let spool = bench.open().await;
        let draft = Draft::mail(&*spool, "a@example.org", &polls.to_string(), b"photo").await;
        let id = format!("delivery {polls}");
        let Draft { upload, lease } = draft;
        let accept =
            spool.accept(&upload, lease, planned(&id, "store", AT_ONCE), Repeats::Upload(WINDOW));
        let ended = given_up_after(polls, accept).await;
        drop(spool);
        let spool = bench.open().await;
        for claim in claim(&*spool, 4).await {
            assert_eq!(claim.delivery.id, id);
            assert!(bytes(&*spool, &claim).await == [b"photo"]);
            record(&*spool, &claim, delivered()).await;
        }
        if ended {
            break;
        }
        assert!(polls < 1_000_000, "it never ends");
        // Its first steps each, the later ones of a busy disk now and then.
        polls += 1 + polls / 3;
    }
}

/// The camera missed the answer and its owner sends again.
pub(in crate::spool) async fn the_same_upload_again_is_a_repeat_unless_the_first_failed(
    bench: &dyn Bench,
) {
    let spool = bench.open().await;
    let send = async |text: &str, id: &str| {
        let draft = Draft::mail(&*spool, "a@example.org", text, b"photo").await;
        draft.accept(&*spool, id, "store", AT_ONCE).await
    };
    assert_eq!(send("text", "1").await, Accepted::New);
    assert_eq!(send("text", "2").await, Accepted::Repeat);
    assert_eq!(send("other text", "3").await, Accepted::New);
    assert_eq!(spool.undelivered(), 2);
    let [first] = &claim(&*spool, 1).await[..] else { panic!("nothing to do") };
    let rejected = Outcome::Rejected { reason: "no".to_owned() };
    record(&*spool, first, rejected).await;
    assert_eq!(send("text", "4").await, Accepted::New);

    let draft = Draft::mail(&*spool, "a@example.org", "text", b"photo").await;
    let planned = planned("5", "store", AT_ONCE);
    let accepted =
        spool.accept(&draft.upload, draft.lease, planned, Repeats::Upload(Duration::ZERO)).await;
    assert_eq!(accepted.unwrap(), Accepted::New, "without a window nothing is a repeat");
}

/// Photos of one session, service and text become one post.
pub(in crate::spool) async fn a_post_collects_files_until_it_is_complete(bench: &dyn Bench) {
    let spool = bench.open().await;
    let first = Draft::photo(&*spool, "session", "two photos", b"first").await;
    first.accept(&*spool, "post", "mastodon", Wait::File(HOUR)).await;
    assert!(claim(&*spool, 4).await.is_empty());
    drop(spool);

    let spool = bench.open().await;
    assert!(spool.post("facebook", "another session").await.unwrap().is_none());
    assert!(spool.post("picasa", "session").await.unwrap().is_none());
    let post = spool.post("facebook", "session").await.unwrap().unwrap();
    let again = Draft::photo(&*spool, "session", "two photos", b"first").await;
    assert!(spool.is_repeat(&again.upload, WINDOW).await.unwrap());
    let second = Draft::photo(&*spool, "session", "two photos", b"second").await;
    assert!(!spool.is_repeat(&second.upload, WINDOW).await.unwrap());
    let files = beside(&post.upload.files, &second.upload.files);
    assert!(spool.extend(&post, &second.lease, files, AT_ONCE).await.unwrap());
    second.lease.discard().await;
    drop(spool);

    let spool = bench.open().await;
    let [claim] = &claim(&*spool, 4).await[..] else { panic!("the post is not complete") };
    let names: Vec<&str> =
        claim.delivery.upload.files.iter().map(|file| file.name.as_str()).collect();
    assert_eq!(names, ["SAM_0001.JPG", "SAM_0001-2.JPG"]);
    assert!(bytes(&*spool, claim).await == [&b"first"[..], b"second"]);
}

/// By its time, or by another text of the session.
pub(in crate::spool) async fn an_incomplete_post_is_delivered_as_it_is(bench: &dyn Bench) {
    let spool = bench.open().await;
    let photo = Draft::photo(&*spool, "1", "its time is up", b"1").await;
    photo.accept(&*spool, "by time", "mastodon", Wait::File(Duration::ZERO)).await;
    assert_eq!(ids(&claim(&*spool, 4).await), ["by time"]);
    let photo = Draft::photo(&*spool, "2", "a text", b"2").await;
    photo.accept(&*spool, "by text", "other", Wait::File(HOUR)).await;
    let photo = Draft::photo(&*spool, "2", "another text", b"3").await;
    photo.accept(&*spool, "new", "other", Wait::File(HOUR)).await;
    assert_eq!(ids(&claim(&*spool, 4).await), ["by text"]);
}

/// A photo that comes just too late for its post is not lost.
pub(in crate::spool) async fn a_photo_for_a_post_that_was_closed_meanwhile_is_one_of_its_own(
    bench: &dyn Bench,
) {
    let spool = bench.open().await;
    let at_once = Wait::File(Duration::ZERO);
    let first = Draft::photo(&*spool, "session", "text", b"first").await;
    first.accept(&*spool, "1", "mastodon", at_once).await;
    let post = spool.post("facebook", "session").await.unwrap().unwrap();
    let closed = claim(&*spool, 1).await;

    let second = Draft::photo(&*spool, "session", "text", b"second").await;
    let files = beside(&post.upload.files, &second.upload.files);
    assert!(!spool.extend(&post, &second.lease, files, at_once).await.unwrap());
    second.accept(&*spool, "2", "other", at_once).await;
    let claims = claim(&*spool, 1).await;
    for (claims, expected) in [(closed, &b"first"[..]), (claims, b"second")] {
        let [claim] = &claims[..] else { panic!("not one delivery") };
        assert!(bytes(&*spool, claim).await == [expected]);
        let copy = spool.open(&claim.delivery.upload).await.unwrap();
        assert_eq!(std::fs::read_dir(copy.folder()).unwrap().count(), 1);
    }
}
