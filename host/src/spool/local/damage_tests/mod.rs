//! Damage of every kind: no photo that heard OK is removed by a start, and each
//! is delivered, can be adopted, or is named.

mod running;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rusqlite::Connection;
use tempfile::TempDir;

use super::{LEDGER, LOST, LocalSpool, MANIFESTS, NOTES, UPLOADS, adopt};
use crate::action_name::ActionName;
use crate::digest;
use crate::spool::{self, Outcome, Planned, Repeats, Spool, SpoolError, Wait};
use crate::upload::{Origin, Upload};

const PHOTOS: usize = 12;

fn photo(number: usize) -> Vec<u8> {
    format!("photo {number} ").repeat(200).into_bytes()
}

async fn open(root: &Path) -> Result<Arc<dyn Spool>, SpoolError> {
    let spool = loop {
        match spool::open(root).await {
            // The ledger's thread of the one before has not ended yet.
            Err(error) if error.to_string().contains("another server") => {
                tokio::task::yield_now().await;
            }
            opened => break opened?,
        }
    };
    spool.recover(vec!["store".to_owned(), "email".to_owned()]).await?;
    Ok(spool)
}

async fn accept(spool: &dyn Spool, text: &str, bytes: &[u8], ids: &[&str]) {
    let mut lease = spool.begin().unwrap();
    let mut file = lease.create_file("A.JPG", "image/jpeg".to_owned()).unwrap();
    file.append(bytes).await.unwrap();
    lease.finish_file(file).await.unwrap();
    let upload = Upload {
        id: lease.id().to_owned(),
        origin: Origin::Email,
        sender: format!("{text}@example.org"),
        recipients: vec!["b@example.org".to_owned()],
        subject: String::new(),
        body: text.to_owned(),
        camera: None,
        received_at: SystemTime::now(),
        files: lease.files().to_vec(),
        attributes: vec![("date".to_owned(), text.to_owned())],
    };
    let plan = |(id, action): (&&str, &str)| Planned {
        id: (*id).to_owned(),
        action: ActionName::parse(action),
        recipients: vec!["b@example.org".to_owned()],
        folders: None,
        wait: Wait::Attempt(Duration::ZERO),
    };
    let planned = ids.iter().zip(["store", "email"]).map(plan).collect();
    spool.accept(&upload, lease, planned, Repeats::Upload(Duration::ZERO)).await.unwrap();
}

/// Delivers what can be; the ids.
async fn deliver(spool: &dyn Spool, delivered: &mut BTreeSet<Vec<u8>>) -> Vec<String> {
    let mut ids = Vec::new();
    loop {
        let claims = spool.claim(4).await.unwrap().claims;
        if claims.is_empty() {
            return ids;
        }
        for claim in claims {
            let upload = &claim.delivery.upload;
            let outcome = match spool.open(upload).await {
                Ok(copy) => {
                    for file in &upload.files {
                        let bytes = fs::read(copy.path(file)).unwrap();
                        assert_eq!(digest::sha256(&bytes), file.sha256);
                        delivered.insert(bytes);
                    }
                    ids.push(claim.delivery.id.clone());
                    Outcome::Delivered { summary: String::new(), links: Vec::new() }
                }
                Err(error) => Outcome::Rejected { reason: error.to_string() },
            };
            let recorded = spool.record(&claim, outcome, None, Duration::ZERO).await.unwrap();
            if recorded.finished {
                spool.remove(&claim, true).await.unwrap();
            }
        }
    }
}

/// A folder as a crash of a server leaves it that has accepted all photos, and
/// delivered none.
async fn crashed() -> TempDir {
    let running = TempDir::new().unwrap();
    let spool = open(running.path()).await.unwrap();
    for number in 0..PHOTOS {
        accept(&*spool, &number.to_string(), &photo(number), &[&format!("d{number}")]).await;
    }
    copy(running.path())
}

/// A copy of the spool at `root`, as it is at this moment.
fn copy(root: &Path) -> TempDir {
    fn copy_all(from: &Path, to: &Path) {
        for entry in fs::read_dir(from).unwrap() {
            let entry = entry.unwrap();
            let to = to.join(entry.file_name());
            if entry.path().is_dir() {
                fs::create_dir(&to).unwrap();
                copy_all(&entry.path(), &to);
            } else {
                fs::copy(entry.path(), &to).unwrap();
            }
        }
    }
    let copied = TempDir::new().unwrap();
    copy_all(root, copied.path());
    // What was shared by processes that are gone.
    let _ = fs::remove_file(copied.path().join("ledger.sqlite-shm"));
    copied
}

/// Every file below `folder`.
fn bytes_below(folder: &Path, found: &mut BTreeSet<Vec<u8>>) {
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => bytes_below(&path, found),
            false => drop(found.insert(fs::read(path).unwrap())),
        }
    }
}

/// Starts, delivers, adopts, delivers again; the photos that were delivered.
/// Whatever a start does, no photo may be gone that was not delivered.
async fn live_on(root: &Path, what: &str) -> BTreeSet<Vec<u8>> {
    let mut delivered = BTreeSet::new();
    let check = |delivered: &BTreeSet<Vec<u8>>| {
        let mut there = BTreeSet::new();
        bytes_below(&root.join(UPLOADS), &mut there);
        bytes_below(&root.join(LOST), &mut there);
        for number in 0..PHOTOS {
            let photo = photo(number);
            assert!(
                delivered.contains(&photo) || there.contains(&photo),
                "{what}: {number} is gone"
            );
        }
    };
    for _ in 0..2 {
        match open(root).await {
            Ok(spool) => drop(deliver(&*spool, &mut delivered).await),
            Err(error) => {
                let words = error.to_string();
                assert!(words.contains("afterimage queue adopt"), "{what}: {words}");
            }
        }
        check(&delivered);
        let adopted = loop {
            match adopt(root, &[]) {
                Err(error) if error.to_string().contains("locked") => {}
                adopted => break adopted.unwrap_or_else(|error| panic!("{what}: {error}")),
            }
        };
        check(&delivered);
        for adopted in adopted {
            assert!(!adopted.deliveries.is_empty() || !adopted.left.is_empty(), "{what}");
        }
    }
    let spool = open(root).await.unwrap_or_else(|error| panic!("{what}: {error}"));
    deliver(&*spool, &mut delivered).await;
    check(&delivered);
    delivered
}

fn assert_all(delivered: &BTreeSet<Vec<u8>>, what: &str) {
    let missing: Vec<usize> =
        (0..PHOTOS).filter(|number| !delivered.contains(&photo(*number))).collect();
    assert!(missing.is_empty(), "{what}: {missing:?} are not delivered");
}

async fn flip(flips: usize) {
    let crashed = crashed().await;
    let mut random: u64 = 0x2545_f491_4f6c_dd1d;
    let mut all = 0;
    for round in 0..flips {
        let copied = copy(crashed.path());
        let file = copied.path().join(["ledger.sqlite", "ledger.sqlite-wal"][round % 2]);
        let mut bytes = fs::read(&file).unwrap();
        // Marsaglia's xorshift: the same flips each time.
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let bit = usize::try_from(random % (bytes.len() as u64 * 8)).unwrap();
        bytes[bit / 8] ^= 1 << (bit % 8);
        fs::write(&file, bytes).unwrap();
        let what = format!("flip {round}, bit {bit} of {}", file.display());
        let delivered = live_on(copied.path(), &what).await;
        all += usize::from(delivered.len() == PHOTOS);
    }
    assert!(all * 10 >= flips * 9, "only after {all} of {flips} flips all is delivered");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bit_that_flips_in_the_ledger_or_its_log_costs_no_photo() {
    flip(30).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the long form: cargo test --lib -- --ignored --nocapture long_form"]
async fn no_bit_that_flips_costs_a_photo_in_the_long_form() {
    flip(300).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ledger_that_is_gone_emptied_or_overwritten_refuses_to_start_and_all_is_adopted() {
    let crashed = crashed().await;
    type Damage = (&'static str, fn(&Path));
    let damages: [Damage; 6] = [
        ("both gone", |root| {
            fs::remove_file(root.join(LEDGER)).unwrap();
            fs::remove_file(root.join("ledger.sqlite-wal")).unwrap();
        }),
        ("the ledger gone", |root| fs::remove_file(root.join(LEDGER)).unwrap()),
        ("the ledger emptied", |root| fs::write(root.join(LEDGER), "").unwrap()),
        ("garbage", |root| {
            fs::write(root.join(LEDGER), "garbage ".repeat(2000)).unwrap();
            fs::remove_file(root.join("ledger.sqlite-wal")).unwrap();
        }),
        ("the log gone", |root| fs::remove_file(root.join("ledger.sqlite-wal")).unwrap()),
        ("the log emptied", |root| fs::write(root.join("ledger.sqlite-wal"), "").unwrap()),
    ];
    for (what, damage) in damages {
        let copied = copy(crashed.path());
        damage(copied.path());
        let refused = open(copied.path()).await.err().expect(what).to_string();
        assert!(refused.contains("afterimage queue adopt"), "{what}: {refused}");
        assert!(!refused.contains("writable"), "{what}: {refused}");
        assert_eq!(fs::read_dir(copied.path().join(UPLOADS)).unwrap().count(), PHOTOS, "{what}");
        assert_all(&live_on(copied.path(), what).await, what);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_is_cut_and_an_old_copy_of_the_ledger_cost_no_photo() {
    let running = TempDir::new().unwrap();
    let spool = open(running.path()).await.unwrap();
    let mut old = None;
    for number in 0..PHOTOS {
        if number == PHOTOS / 2 {
            old = Some(copy(running.path()));
        }
        accept(&*spool, &number.to_string(), &photo(number), &[&format!("d{number}")]).await;
    }
    let (crashed, old) = (copy(running.path()), old.unwrap());
    let log = |root: &Path| root.join("ledger.sqlite-wal");
    let whole = fs::read(log(crashed.path())).unwrap();
    for eighths in 1..8 {
        let copied = copy(crashed.path());
        fs::write(log(copied.path()), &whole[..whole.len() * eighths / 8]).unwrap();
        let what = format!("{eighths} eighths of the log");
        assert_all(&live_on(copied.path(), &what).await, &what);
    }
    let copied = copy(crashed.path());
    for file in [LEDGER, "ledger.sqlite-wal"] {
        fs::copy(old.path().join(file), copied.path().join(file)).unwrap();
    }
    let spool = open(copied.path()).await.unwrap();
    assert_eq!(spool.undelivered(), PHOTOS / 2);
    drop(spool);
    assert_all(&live_on(copied.path(), "an old copy").await, "an old copy");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn adopted_deliveries_keep_their_ids_and_what_a_receipt_shows_is_not_adopted() {
    let running = TempDir::new().unwrap();
    let spool = open(running.path()).await.unwrap();
    accept(&*spool, "twice", &photo(0), &["stored", "mailed"]).await;
    accept(&*spool, "once", &photo(1), &["delivered"]).await;
    let claims = spool.claim(4).await.unwrap().claims;
    for claim in claims.iter().filter(|claim| claim.delivery.id != "mailed") {
        let outcome = Outcome::Delivered { summary: String::new(), links: Vec::new() };
        let keep = Duration::from_secs(3600);
        let recorded = spool.record(claim, outcome, None, keep).await.unwrap();
        spool.remove(claim, recorded.finished).await.unwrap();
    }
    let copied = copy(running.path());
    fs::remove_file(copied.path().join(LEDGER)).unwrap();
    assert!(open(copied.path()).await.is_err());
    let adopted = adopt(copied.path(), &[]).unwrap();
    assert_eq!(adopted.len(), 2);
    assert_eq!(adopted.iter().map(|adopted| adopted.deliveries.len()).sum::<usize>(), 1);
    let spool = open(copied.path()).await.unwrap();
    assert_eq!(deliver(&*spool, &mut BTreeSet::new()).await, ["mailed"]);
    drop(spool);
    let again = adopt(copied.path(), &[]).unwrap();
    assert_eq!(again.len(), 1);
    assert_eq!(again[0].left, ["it is delivered"]);
}

/// SQLite reads a flipped bit like any other value.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_that_is_not_what_was_written_is_neither_delivered_nor_believed() {
    let crashed = crashed().await;
    for damage in [
        "UPDATE uploads SET has_files = 0",
        "UPDATE deliveries SET recipients = '[\"c@example.org\"]'",
        "UPDATE uploads SET body = 'something else'",
        "UPDATE files SET sha256 = upper(sha256)",
        "UPDATE deliveries SET state = 'delivered', ended_at = 5",
        "PRAGMA foreign_keys = OFF; UPDATE deliveries SET upload = upload || 'x'",
        "PRAGMA foreign_keys = OFF; DELETE FROM deliveries",
    ] {
        let copied = copy(crashed.path());
        let ledger = Connection::open(copied.path().join(LEDGER)).unwrap();
        ledger.execute_batch(damage).unwrap();
        drop(ledger);
        let spool = open(copied.path()).await.unwrap();
        spool.clean(Duration::ZERO, Duration::ZERO).await.unwrap();
        let claims = spool.claim(4).await.unwrap().claims;
        for claim in claims {
            let upload = &claim.delivery.upload;
            assert_eq!(claim.delivery.recipients, ["b@example.org"], "{damage}");
            assert_eq!(upload.sender, format!("{}@example.org", upload.body), "{damage}");
        }
        drop(spool);
        assert_all(&live_on(copied.path(), damage).await, damage);
    }
}
