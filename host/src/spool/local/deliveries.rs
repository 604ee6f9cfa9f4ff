//! Deliveries in the ledger: which one is next, and what became of it.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rusqlite::{Connection, OptionalExtension, params};

use super::seal;
use super::times::{duration_millis, millis, time};
use super::uploads::{self, texts};
use crate::action_name::ActionName;
use crate::spool::claim::AT_ONCE;
use crate::spool::{Claim, Due, Outcome, Pause};
use crate::upload::{Delivery, FileNotes, WorkingCopy};

/// Closes posts whose time is up, marks up to `places` deliveries that can go
/// now as being delivered, and tells when the next thing is due.
pub(super) fn claim(
    db: &Connection,
    places: usize,
    now: SystemTime,
    notes: &Path,
) -> rusqlite::Result<Due> {
    close_posts(db, now)?;
    let mut numbers = ready(db, places, now)?;
    numbers.extend(probes(db, places - numbers.len(), now)?);
    let found = numbers.len();
    let marked = numbers.into_iter().map(|number| mark(db, number, notes));
    let claims: Vec<Claim> =
        marked.filter_map(Result::transpose).collect::<rusqlite::Result<_>>()?;
    // What was parked left its place to another.
    let next = if claims.len() < found { Some(now) } else { next_due(db, now)? };
    Ok(Due { claims, next })
}

/// Deliveries that can go now and do not overtake any that they must not, in
/// the order of arrival. Looks once at each lane and not at each delivery, of
/// which there may be ten thousand.
///
/// `lanes` hops from one (action, lane) to the next: SQLite has no scan that
/// skips equal keys, so each step asks the index for the least key above the
/// last one. `firsts` takes of each lane the first delivery that is due and
/// that no earlier one holds back; `ranks` leaves each action its places. The
/// index is named, and its condition repeated word by word, because SQLite uses
/// a partial index only where it sees the same words, and would otherwise
/// change to a scan of the table as the statistics please.
fn ready(db: &Connection, places: usize, now: SystemTime) -> rusqlite::Result<Vec<i64>> {
    db.prepare_cached(&format!(
        "WITH RECURSIVE lanes (number, action, lane) AS (
            SELECT * FROM (
                SELECT number, action, lane FROM deliveries INDEXED BY deliveries_waiting
                WHERE state IN ('queued', 'delivering') ORDER BY action, lane, number LIMIT 1)
            UNION ALL
            SELECT d.number, d.action, d.lane FROM lanes l JOIN deliveries d ON d.number = ifnull(
                (SELECT number FROM deliveries INDEXED BY deliveries_waiting
                 WHERE state IN ('queued', 'delivering') AND action = l.action AND lane > l.lane
                 ORDER BY lane, number LIMIT 1),
                (SELECT number FROM deliveries INDEXED BY deliveries_waiting
                 WHERE state IN ('queued', 'delivering') AND action > l.action
                 ORDER BY action, lane, number LIMIT 1))),
         firsts (number, action) AS MATERIALIZED (
            SELECT
                (SELECT number FROM deliveries INDEXED BY deliveries_waiting
                 WHERE state IN ('queued', 'delivering') AND action = l.action AND lane = l.lane
                    AND due_at <= ?1 AND number <= ifnull(
                        (SELECT number FROM deliveries INDEXED BY deliveries_waiting
                         WHERE state IN ('queued', 'delivering')
                            AND action = l.action AND lane = l.lane AND holds
                         ORDER BY number LIMIT 1), {last})
                 ORDER BY number LIMIT 1),
                action
            FROM lanes l WHERE action NOT IN (SELECT action FROM pauses)
                AND (action, lane) NOT IN
                    (SELECT action, lane FROM deliveries WHERE state = 'delivering')),
         ranks (number, rank) AS (
            SELECT number, row_number() OVER (PARTITION BY action ORDER BY number) +
                (SELECT count(*) FROM deliveries d
                 WHERE d.state = 'delivering' AND d.action = f.action)
            FROM firsts f WHERE number IS NOT NULL)
         SELECT number FROM ranks WHERE rank <= {AT_ONCE} ORDER BY number",
        last = i64::MAX
    ))?
    .query_map([millis(now)], |row| row.get(0))?
    .take(places)
    .collect()
}

/// A delivery of each paused action that is to be tried again. Each time
/// another, so that one bad upload cannot keep the action paused.
///
/// `CROSS JOIN` keeps SQLite from turning the join round: pauses are few and
/// come first. The condition stands twice: once as the index has it, once as it
/// is meant.
fn probes(db: &Connection, places: usize, now: SystemTime) -> rusqlite::Result<Vec<i64>> {
    db.prepare_cached(
        "SELECT number FROM (
            SELECT number, failures,
                row_number() OVER (PARTITION BY d.action ORDER BY failures, number) AS rank
            FROM pauses p CROSS JOIN deliveries d INDEXED BY deliveries_waiting
            WHERE d.state IN ('queued', 'delivering') AND d.state = 'queued'
            AND d.action = p.action AND p.due_at <= ?1
            AND NOT EXISTS (SELECT 1 FROM deliveries f
                WHERE f.state = 'delivering' AND f.action = d.action)
            AND NOT EXISTS (SELECT 1 FROM deliveries e
                WHERE e.state IN ('queued', 'delivering') AND e.action = d.action
                AND e.lane = d.lane AND e.number < d.number AND e.holds))
         WHERE rank = 1 ORDER BY failures, number",
    )?
    .query_map([millis(now)], |row| row.get(0))?
    .take(places)
    .collect()
}

/// Marks the delivery `number` as being delivered. One whose upload is not what
/// came is parked instead: its words and recipients may be anybody's.
fn mark(db: &Connection, number: i64, notes: &Path) -> rusqlite::Result<Option<Claim>> {
    let upload = db
        .prepare_cached("SELECT upload FROM deliveries WHERE number = ?1")?
        .query_row([number], |row| seal::text(row, 0))?;
    if !seal::is_intact(db, &upload)? {
        tracing::error!(
            number,
            "the ledger is damaged where it tells of upload {upload}; delivery {number} is parked, \
             its files are kept: afterimage queue adopt"
        );
        db.execute(
            "UPDATE deliveries SET state = 'parked', ended_at = ?2, last_error =
                'the ledger is damaged where it tells of this upload; afterimage queue adopt'
             WHERE number = ?1",
            params![number, millis(SystemTime::now())],
        )?;
        return Ok(None);
    }
    let claim = db
        .prepare_cached(
            "UPDATE deliveries SET state = 'delivering', attempt = attempt + 1 WHERE number = ?1
             RETURNING id, attempt, failures, traps, waited, action, recipients, folders",
        )?
        .query_row([number], |row| {
            let id: String = row.get(0)?;
            let upload = uploads::load(db, &upload)?;
            Ok(Claim {
                number,
                failures: row.get(2)?,
                traps: row.get(3)?,
                waited: Duration::from_millis(row.get::<_, i64>(4)?.cast_unsigned()),
                delivery: Delivery {
                    notes: Arc::new(FileNotes(notes.join(format!("{id}.notes")))),
                    id,
                    attempt: row.get(1)?,
                    action: ActionName::parse(&row.get::<_, String>(5)?),
                    recipients: texts(&row.get::<_, String>(6)?),
                    upload: Arc::new(upload.ok_or(rusqlite::Error::QueryReturnedNoRows)?),
                    folders: row.get(7)?,
                    copy: WorkingCopy::none(),
                },
            })
        })?;
    Ok(Some(claim))
}

/// Writes down what became of `claim`; whether it was still under way, and
/// nobody else's.
pub(super) fn record(
    db: &Connection,
    number: i64,
    attempt: u32,
    outcome: &Outcome,
    now: SystemTime,
) -> rusqlite::Result<bool> {
    const MINE: &str = "WHERE number = ?1 AND state = 'delivering' AND attempt = ?2";
    let now = millis(now);
    let written = match outcome {
        Outcome::Delivered { summary, links } => db
            .prepare_cached(&format!(
                "UPDATE deliveries SET state = 'delivered', summary = ?3, links = ?4,
                    ended_at = ?5, last_error = NULL {MINE}"
            ))?
            .execute(params![number, attempt, summary, uploads::json(links), now])?,
        Outcome::Rejected { reason } => db.execute(
            &format!(
                "UPDATE deliveries SET state = 'rejected', last_error = ?3, ended_at = ?4 {MINE}"
            ),
            params![number, attempt, reason, now],
        )?,
        Outcome::Again { reason, wait, failures, traps, holds } => db.execute(
            &format!(
                "UPDATE deliveries SET state = 'queued', last_error = ?3, wait = ?4,
                    due_at = ?5 + ?4, waited = waited + ?4, failures = ?6, traps = ?7, holds = ?8
                 {MINE}"
            ),
            params![number, attempt, reason, duration_millis(*wait), now, failures, traps, holds],
        )?,
        Outcome::Offline { reason, wait } => db.execute(
            &format!(
                "UPDATE deliveries SET state = 'queued', last_error = ?3, wait = ?4,
                    due_at = ?5 + ?4, attempt = attempt - 1 {MINE}"
            ),
            params![number, attempt, reason, duration_millis(*wait), now],
        )?,
        Outcome::Parked { reason, failures } => db.execute(
            &format!(
                "UPDATE deliveries SET state = 'parked', last_error = ?3, ended_at = ?4,
                    failures = ?5 {MINE}"
            ),
            params![number, attempt, reason, now, failures],
        )?,
    };
    if written == 1 && matches!(outcome, Outcome::Delivered { .. }) {
        seal::seal_receipt(db, number)?;
    }
    Ok(written == 1)
}

/// Stops calling `action` until a probe after `wait`.
pub(super) fn pause(
    db: &Connection,
    action: &str,
    reason: &str,
    wait: Duration,
    now: SystemTime,
) -> rusqlite::Result<()> {
    let (now, wait) = (millis(now), duration_millis(wait));
    db.execute(
        "INSERT INTO pauses (action, since, reason, wait, due_at) VALUES (?1, ?2, ?3, ?4, ?2 + ?4)
         ON CONFLICT (action) DO UPDATE SET reason = ?3, probes = probes + 1, wait = ?4,
            due_at = ?2 + ?4",
        params![action, now, reason, wait],
    )?;
    Ok(())
}

/// The pause of `action`, if it is paused.
pub(super) fn paused(db: &Connection, action: &str) -> rusqlite::Result<Option<Pause>> {
    db.prepare_cached("SELECT probes FROM pauses WHERE action = ?1")?
        .query_row([action], |row| Ok(Pause { probes: row.get(0)? }))
        .optional()
}

/// Calls `action` again, at once and in the order of arrival.
pub(super) fn resume(db: &Connection, action: &str, now: SystemTime) -> rusqlite::Result<bool> {
    if db.prepare_cached("DELETE FROM pauses WHERE action = ?1")?.execute([action])? == 0 {
        return Ok(false);
    }
    db.execute(
        "UPDATE deliveries SET due_at = min(due_at, ?2), holds = 1
         WHERE state = 'queued' AND action = ?1",
        params![action, millis(now)],
    )?;
    Ok(true)
}

/// Ends the collecting of posts whose time is up.
fn close_posts(db: &Connection, now: SystemTime) -> rusqlite::Result<usize> {
    db.prepare_cached(
        "UPDATE deliveries SET state = 'queued' WHERE state = 'collecting' AND due_at <= ?1",
    )?
    .execute([millis(now)])
}

/// When something becomes due that is not due yet.
fn next_due(db: &Connection, now: SystemTime) -> rusqlite::Result<Option<SystemTime>> {
    let due: Option<i64> = db
        .prepare_cached(
            "SELECT min(due_at) FROM (
                SELECT min(due_at) AS due_at FROM deliveries INDEXED BY deliveries_due
                    WHERE state IN ('queued', 'collecting') AND due_at > ?1
                UNION ALL SELECT due_at FROM pauses WHERE due_at > ?1)",
        )?
        .query_row([millis(now)], |row| row.get(0))?;
    Ok(due.map(time))
}

/// How many deliveries are not delivered.
pub(super) fn undelivered(db: &Connection) -> rusqlite::Result<i64> {
    db.query_row(
        "SELECT count(*) FROM deliveries
         WHERE state IN ('collecting', 'queued', 'delivering', 'rejected', 'parked')",
        [],
        |row| row.get(0),
    )
}

/// Moves everything that is set for a time by as much as the clock jumped, so
/// that each wait stays as long as it was, and never grows.
pub(super) fn shift(db: &Connection, by: i64, now: SystemTime) -> rusqlite::Result<()> {
    let now = millis(now);
    db.execute(
        "UPDATE deliveries SET due_at = min(due_at + ?1, ?2 + wait)
         WHERE state IN ('queued', 'collecting')",
        [by, now],
    )?;
    db.execute("UPDATE pauses SET due_at = min(due_at + ?1, ?2 + wait)", [by, now])?;
    Ok(())
}

/// What a start has to set right: what was being delivered is queued again,
/// nothing waits longer than it was meant to, though the clock was set back
/// meanwhile, and what has no action any more is parked.
pub(super) fn recover(
    db: &Connection,
    actions: &[String],
    now: SystemTime,
) -> rusqlite::Result<Vec<String>> {
    let now = millis(now);
    super::backup_repeats::forget_refused(db)?;
    db.execute("DELETE FROM uploads WHERE id IN (SELECT upload FROM refused)", [])?;
    db.execute("DELETE FROM refused", [])?;
    db.execute("UPDATE deliveries SET state = 'queued' WHERE state = 'delivering'", [])?;
    db.execute(
        "UPDATE deliveries SET due_at = ?1 + wait
         WHERE state IN ('queued', 'collecting') AND due_at > ?1 + wait",
        [now],
    )?;
    db.execute("UPDATE pauses SET due_at = min(due_at, ?1 + wait)", [now])?;
    let known = uploads::json(actions);
    db.execute(
        "DELETE FROM pauses WHERE action NOT IN (SELECT value FROM json_each(?1))",
        [&known],
    )?;
    db.execute(
        "UPDATE deliveries SET state = 'parked', ended_at = ?2,
            last_error = 'config.toml has no action ' || action ||
                ' any more; map something to it in [ACTIONS], then retry'
         WHERE state IN ('queued', 'collecting')
            AND action NOT IN (SELECT value FROM json_each(?1))",
        params![known, now],
    )?;
    db.prepare(
        "SELECT DISTINCT action FROM deliveries
         WHERE state = 'parked' AND action NOT IN (SELECT value FROM json_each(?1))",
    )?
    .query_map([known], |row| row.get(0))?
    .collect()
}
