use super::*;

fn sessions(folder: &tempfile::TempDir) -> Connection {
    connect(&folder.path().join("sessions.sqlite")).unwrap()
}

fn with<T>(
    database: &mut Connection,
    work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
) -> T {
    let transaction = database.transaction().unwrap();
    let result = work(&transaction).unwrap();
    transaction.commit().unwrap();
    result
}

#[test]
fn a_session_ends_after_twelve_idle_hours_and_not_before() {
    let folder = tempfile::tempdir().unwrap();
    let mut database = sessions(&folder);
    let start = 1_700_000_000;
    with(&mut database, |t| begin(t, "key", "a@example.org", "facebook", start));
    let used = start + seconds(IDLE);
    let user = with(&mut database, |t| touch(t, "key", used));
    assert_eq!(user.as_deref(), Some("a@example.org"));
    assert!(with(&mut database, |t| touch(t, "key", used + seconds(IDLE))).is_some());
    assert!(with(&mut database, |t| touch(t, "key", used + 2 * seconds(IDLE) + 1)).is_none());
}

fn lives(database: &mut Connection, key: &str, now: i64) -> bool {
    with(database, |t| touch(t, key, now)).is_some()
}

#[test]
fn one_user_cannot_hold_more_than_a_few_idle_sessions_nor_push_out_others() {
    let folder = tempfile::tempdir().unwrap();
    let mut database = sessions(&folder);
    with(&mut database, |t| begin(t, "other", "b@example.org", "", 0));
    let step = seconds(IN_USE) + 1;
    for number in 0..PER_USER as i64 + 3 {
        with(&mut database, |t| begin(t, &format!("{number}"), "a@example.org", "", number * step));
    }
    let now = (PER_USER as i64 + 3) * step;
    assert!(lives(&mut database, "other", now));
    let alive: Vec<i64> = (0..PER_USER as i64 + 3)
        .filter(|number| lives(&mut database, &number.to_string(), now))
        .collect();
    assert_eq!(alive, (3..PER_USER as i64 + 3).collect::<Vec<i64>>());
}

#[test]
fn a_session_that_is_in_use_outlives_any_number_of_logins_of_its_user() {
    let folder = tempfile::tempdir().unwrap();
    let mut database = sessions(&folder);
    let user = "a@example.org";
    with(&mut database, |t| begin(t, "honest", user, "facebook", 0));
    for now in 1..=3 * PER_USER as i64 {
        with(&mut database, |t| begin(t, &now.to_string(), user, "facebook", now));
    }
    assert!(lives(&mut database, "honest", 100));
    // In the end there is a bound all the same.
    for now in 1..=IN_ALL as i64 {
        with(&mut database, |t| begin(t, &format!("flood {now}"), user, "facebook", 200));
    }
    let count: i64 =
        database.query_row("SELECT count(*) FROM session", [], |row| row.get(0)).unwrap();
    assert_eq!(count, IN_ALL as i64);
}

#[tokio::test]
async fn sessions_of_the_first_version_go_on_and_their_keys_become_digests() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sessions.sqlite");
    let key = "00112233445566778899aabbccddeeff";
    let old = Connection::open(&file).unwrap();
    old.execute_batch(&format!(
        "CREATE TABLE session (key TEXT PRIMARY KEY, user TEXT NOT NULL, used INTEGER NOT NULL)
            STRICT;
         CREATE TABLE announcement (number INTEGER PRIMARY KEY,
            session TEXT NOT NULL REFERENCES session ON DELETE CASCADE, resource TEXT NOT NULL,
            service TEXT NOT NULL, file_name TEXT NOT NULL, camera TEXT, content TEXT NOT NULL,
            UNIQUE (session, resource)) STRICT;
         INSERT INTO session VALUES ('{key}', 'a@example.org', {});
         INSERT INTO announcement VALUES (1, '{key}', 'r', 'facebook', 'A.JPG', NULL, 'text');",
        now()
    ))
    .unwrap();
    drop(old);
    let sessions = LocalSessions::open(&file).unwrap();
    assert_eq!(sessions.user(key).await.unwrap().as_deref(), Some("a@example.org"));
    let announced = sessions.announcement(key, "r").await.unwrap().unwrap();
    assert_eq!(announced.content, "text");
    assert_eq!(sessions.latest(key).await.unwrap(), Some(announced));
    drop(sessions);
    for name in ["sessions.sqlite", "sessions.sqlite-wal"] {
        let bytes = std::fs::read(folder.path().join(name)).unwrap_or_default();
        let found = bytes.windows(key.len()).any(|window| window == key.as_bytes());
        assert!(!found, "a key is in {name}");
    }
    // The second time nothing is to be done.
    assert!(LocalSessions::open(&file).unwrap().user(key).await.unwrap().is_some());
}

#[tokio::test]
async fn a_session_without_an_announcement_knows_the_service_of_its_login() {
    let folder = tempfile::tempdir().unwrap();
    let sessions = LocalSessions::open(&folder.path().join("sessions.sqlite")).unwrap();
    let key = sessions.begin("a@example.org", "picasa").await.unwrap();
    assert!(key.len() == 32 && key.bytes().all(|b| b.is_ascii_hexdigit()), "{key}");
    assert_eq!(sessions.latest(&key).await.unwrap().unwrap().service, "picasa");
}

#[test]
fn sessions_of_a_newer_program_are_refused_with_the_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sessions.sqlite");
    Connection::open(&file).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let error = LocalSessions::open(&file).err().unwrap().to_string();
    assert!(error.contains("sessions.sqlite is of version 99"), "{error}");
    assert!(error.contains("run the newer program"), "{error}");
}

#[test]
fn other_files_under_the_name_of_one_get_a_number() {
    let folder = tempfile::tempdir().unwrap();
    let mut database = sessions(&folder);
    with(&mut database, |t| begin(t, "key", "a@example.org", "", 0));
    let file = |name: &str| Announcement {
        service: "facebook".to_owned(),
        file_name: name.to_owned(),
        camera: None,
        content: String::new(),
    };
    for (name, resource) in
        [("ä.JPG", "_.JPG"), ("ö.JPG", "_-2.JPG"), ("ä.JPG", "_.JPG"), ("ü.JPG", "_-3.JPG")]
    {
        let given = with(&mut database, |t| announce(t, "key", "_.JPG", &file(name)));
        assert_eq!(given, resource, "{name}");
    }
}

#[tokio::test]
async fn what_is_no_database_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sessions.sqlite");
    std::fs::write(&file, "no database".repeat(1000)).unwrap();
    let sessions = LocalSessions::open(&file).unwrap();
    let key = sessions.begin("a@example.org", "facebook").await.unwrap();
    assert_eq!(sessions.user(&key).await.unwrap().as_deref(), Some("a@example.org"));
    sessions.end(&key).await.unwrap();
    assert_eq!(sessions.user(&key).await.unwrap(), None);
}
