//! Configurations of earlier versions, kept as they were: they run unchanged.

use crate::fixture::{PHOTO, Request, SUCCESS, Server};

#[test]
fn the_configuration_that_0_1_0_came_with_keeps_a_photo() {
    let server = Server::start(include_str!("data/config-0.1.0.toml"));
    assert_eq!(server.send(&Request::new().bytes()).body, SUCCESS);
    assert_eq!(server.only_stored(), ("SAM_0042.JPG".to_owned(), PHOTO.to_vec()));
    assert!(!server.log().contains("WARN"), "{}", server.log());
}

#[test]
fn every_key_of_0_1_0_still_means_what_it_meant() {
    let server = Server::start(include_str!("data/config-0.1.0-all-keys.toml"));
    let request = Request::new().to(&["holiday@example.org", "nobody@example.org"]);
    assert_eq!(server.send(&request.bytes()).body, SUCCESS);
    server.logged(&["delivered"]);
    server.settle();
    let kept = crate::fixture::files_below(&server.folder().join("photos/holiday"));
    assert_eq!(kept.into_values().collect::<Vec<_>>(), [PHOTO]);
    for made in ["state/spool/ledger.sqlite", "capture"] {
        assert!(server.folder().join(made).exists(), "{made}");
    }
    server.send(&Request::new().from("stranger@example.org").bytes()).assert_error(401, "");
}
