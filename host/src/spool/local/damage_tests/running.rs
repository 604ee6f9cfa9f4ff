//! What a running server does about its ledger, and who else sees it.

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leftovers_of_a_crash_are_set_aside_and_refused_uploads_removed() {
    let root = TempDir::new().unwrap();
    drop(open(root.path()).await.unwrap());
    for name in ["leftover", "refused"] {
        fs::create_dir(root.path().join(UPLOADS).join(name)).unwrap();
        fs::write(root.path().join(UPLOADS).join(name).join("A.JPG"), name).unwrap();
    }
    fs::write(root.path().join(NOTES).join("unknown.notes"), "notes").unwrap();
    let ledger = Connection::open(root.path().join(LEDGER)).unwrap();
    ledger.execute("INSERT INTO refused VALUES ('refused')", []).unwrap();
    drop(ledger);
    drop(open(root.path()).await.unwrap());
    assert_eq!(fs::read_dir(root.path().join(UPLOADS)).unwrap().count(), 0);
    assert_eq!(fs::read_dir(root.path().join(NOTES)).unwrap().count(), 0);
    let lost = root.path().join(LOST);
    assert_eq!(fs::read_to_string(lost.join("leftover/A.JPG")).unwrap(), "leftover");
    assert_eq!(fs::read_to_string(lost.join("notes/unknown.notes")).unwrap(), "notes");
    assert!(!lost.join("refused").exists());
    let adopted = adopt(root.path(), &[]).unwrap();
    assert_eq!(adopted.len(), 1);
    assert!(adopted[0].left[0].contains("nothing tells whose it is"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ledger_that_is_taken_away_is_noticed_and_uploads_are_refused() {
    let root = TempDir::new().unwrap();
    let spool = open(root.path()).await.unwrap();
    accept(&*spool, "before", b"before", &["d"]).await;
    let lease = spool.begin().unwrap();
    fs::remove_file(root.path().join(LEDGER)).unwrap();
    // At once by an upload that is under way, else at the next look.
    let upload = Upload {
        id: lease.id().to_owned(),
        origin: Origin::Email,
        sender: String::new(),
        recipients: Vec::new(),
        subject: String::new(),
        body: String::new(),
        camera: None,
        received_at: SystemTime::now(),
        files: Vec::new(),
        attributes: Vec::new(),
    };
    let refused = spool.accept(&upload, lease, Vec::new(), Repeats::Upload(Duration::ZERO)).await;
    let words = refused.unwrap_err().to_string();
    assert!(words.contains("removed or replaced") && words.contains("queue adopt"), "{words}");
    let _ = spool.is_changed().await;
    assert!(spool.begin().is_err());
    assert!(spool.claim(4).await.is_err());
    drop(spool);
    assert!(open(root.path()).await.is_err());
    let adopted = adopt(root.path(), &[]).unwrap();
    assert_eq!((adopted.len(), adopted[0].files.len()), (1, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_holds_the_ledger_for_long_costs_one_upload_at_most_and_the_log_is_cut() {
    let root = TempDir::new().unwrap();
    let spool = open(root.path()).await.unwrap();
    let reader = Connection::open(root.path().join(LEDGER)).unwrap();
    reader.execute_batch("BEGIN; SELECT count(*) FROM uploads").unwrap();
    let holder = Connection::open(root.path().join(LEDGER)).unwrap();
    holder.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert!(spool.claim(1).await.is_err(), "it is held for longer than is waited for");
    holder.execute_batch("ROLLBACK").unwrap();
    let text = "a long text ".repeat(100_000);
    for number in 0..10 {
        accept(&*spool, &format!("{number} {text}"), b"photo", &[&number.to_string()]).await;
    }
    let log = root.path().join("ledger.sqlite-wal");
    let length = || fs::metadata(&log).unwrap().len();
    assert!(length() > 10 << 20);
    reader.execute_batch("ROLLBACK").unwrap();
    let end = SystemTime::now() + Duration::from_secs(20);
    while length() > 1 << 20 {
        assert!(SystemTime::now() < end, "the log keeps {} bytes", length());
        spool.is_changed().await.unwrap();
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_else_can_look_into_a_spool() {
    use std::os::unix::fs::PermissionsExt;
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let parent = TempDir::new().unwrap();
    // A new one, and one of an older program.
    for name in ["new", "old"] {
        let root = parent.path().join(name);
        if name == "old" {
            fs::create_dir_all(root.join(UPLOADS)).unwrap();
            fs::set_permissions(&root, fs::Permissions::from_mode(0o755)).unwrap();
        }
        let spool = open(&root).await.unwrap();
        accept(&*spool, "a", b"photo", &["d"]).await;
        for path in ["", UPLOADS, NOTES, MANIFESTS, LOST] {
            assert_eq!(mode(&root.join(path)), 0o700, "{name}/{path}");
        }
    }
    // Where other things lie, the folder stays as it is, and its parts do not.
    let shared = parent.path().join("shared");
    fs::create_dir(&shared).unwrap();
    fs::set_permissions(&shared, fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(shared.join("other"), "").unwrap();
    drop(LocalSpool::open(&shared).unwrap());
    drop(open(&shared).await.unwrap());
    assert_eq!(mode(&shared), 0o755);
    assert_eq!((mode(&shared.join(UPLOADS)), mode(&shared.join(LEDGER))), (0o700, 0o600));
}
