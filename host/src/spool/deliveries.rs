//! Deliveries in the ledger: which one is next, and what became of it.

use std::time::{Duration, SystemTime};

use rusqlite::{Connection, OptionalExtension, params};

use super::uploads::{self, duration_millis, millis, texts};
use crate::action_name::ActionName;
use crate::upload::Upload;

/// Deliveries of one action at once, so that a slow action leaves places to
/// others.
const AT_ONCE: usize = 2;

/// A delivery taken from the queue.
#[derive(Debug, Clone)]
pub struct Claim {
    /// Its number in the order of arrival.
    pub number: i64,
    /// Stable over all attempts.
    pub id: String,
    /// This one's number, 1 first.
    pub attempt: u32,
    /// Failed attempts so far.
    pub failures: u32,
    /// Traps in a row so far.
    pub traps: u32,
    /// Time it has spent waiting for its attempts.
    pub waited: Duration,
    /// What shall be done.
    pub action: ActionName,
    /// The recipients that map to the action.
    pub recipients: Vec<String>,
    /// With what.
    pub upload: Upload,
}

/// What can be done now, and what later.
#[derive(Debug)]
pub struct Due {
    /// Deliveries that are now marked as being delivered.
    pub claims: Vec<Claim>,
    /// When the next thing is due that is not due yet.
    pub next: Option<SystemTime>,
}

/// What becomes of a delivery after an attempt.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// It is done.
    Delivered {
        /// One line of the action's.
        summary: String,
        /// Where the result can be seen.
        links: Vec<String>,
    },
    /// It will never work.
    Rejected {
        /// Why.
        reason: String,
    },
    /// It failed and comes again.
    Again {
        /// Why it failed.
        reason: String,
        /// Waiting time until the next attempt.
        wait: Duration,
        /// Failed attempts, this one included.
        failures: u32,
        /// Traps in a row, this one included.
        traps: u32,
        /// Whether later deliveries of its lane wait for it.
        holds: bool,
    },
    /// The network is down: not counted as an attempt.
    Offline {
        /// What could not be reached.
        reason: String,
        /// Waiting time until the next attempt.
        wait: Duration,
    },
    /// Its attempts are used up.
    Parked {
        /// Why the last one failed.
        reason: String,
        /// Failed attempts, this one included.
        failures: u32,
    },
}

impl Outcome {
    /// Whether the action gave an answer of its own, and so works.
    pub fn is_answer(&self) -> bool {
        matches!(self, Self::Delivered { .. } | Self::Rejected { .. })
    }
}

/// What an outcome that was written down brought with it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Recorded {
    /// The action is paused, and was not before.
    pub paused: bool,
    /// The action is paused no more.
    pub resumed: bool,
    /// The files of the upload are needed no more.
    pub finished: bool,
}

/// An action that is not called for now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pause {
    /// Attempts to find out whether it works again.
    pub probes: u32,
}

/// Closes posts whose time is up, marks up to `places` deliveries that can go
/// now as being delivered, and tells when the next thing is due.
pub(super) fn claim(db: &Connection, places: usize, now: SystemTime) -> rusqlite::Result<Due> {
    close_posts(db, now)?;
    let mut numbers = ready(db, places, now)?;
    numbers.extend(probes(db, places - numbers.len(), now)?);
    let claims =
        numbers.into_iter().map(|number| mark(db, number)).collect::<rusqlite::Result<_>>()?;
    Ok(Due { claims, next: next_due(db, now)? })
}

/// Deliveries that can go now and do not overtake any that they must not, in
/// the order of arrival. Looks once at each lane and not at each delivery, of
/// which there may be ten thousand.
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

/// Marks the delivery `number` as being delivered.
fn mark(db: &Connection, number: i64) -> rusqlite::Result<Claim> {
    db.prepare_cached(
        "UPDATE deliveries SET state = 'delivering', attempt = attempt + 1 WHERE number = ?1
         RETURNING id, attempt, failures, traps, waited, action, recipients, upload",
    )?
    .query_row([number], |row| {
        let upload = uploads::load(db, &row.get::<_, String>(7)?)?;
        Ok(Claim {
            number,
            id: row.get(0)?,
            attempt: row.get(1)?,
            failures: row.get(2)?,
            traps: row.get(3)?,
            waited: Duration::from_millis(row.get::<_, i64>(4)?.cast_unsigned()),
            action: ActionName::parse(&row.get::<_, String>(5)?),
            recipients: texts(&row.get::<_, String>(6)?),
            upload: upload.ok_or(rusqlite::Error::QueryReturnedNoRows)?,
        })
    })
}

/// Writes down what became of the delivery `number`.
pub(super) fn record(
    db: &Connection,
    number: i64,
    outcome: &Outcome,
    now: SystemTime,
) -> rusqlite::Result<()> {
    let now = millis(now);
    match outcome {
        Outcome::Delivered { summary, links } => db
            .prepare_cached(
                "UPDATE deliveries SET state = 'delivered', summary = ?2, links = ?3,
                    ended_at = ?4, last_error = NULL WHERE number = ?1",
            )?
            .execute(params![number, summary, uploads::json(links), now])?,
        Outcome::Rejected { reason } => db.execute(
            "UPDATE deliveries SET state = 'rejected', last_error = ?2, ended_at = ?3
             WHERE number = ?1",
            params![number, reason, now],
        )?,
        Outcome::Again { reason, wait, failures, traps, holds } => db.execute(
            "UPDATE deliveries SET state = 'queued', last_error = ?2, wait = ?3, due_at = ?4 + ?3,
                waited = waited + ?3, failures = ?5, traps = ?6, holds = ?7 WHERE number = ?1",
            params![number, reason, duration_millis(*wait), now, failures, traps, holds],
        )?,
        Outcome::Offline { reason, wait } => db.execute(
            "UPDATE deliveries SET state = 'queued', last_error = ?2, wait = ?3, due_at = ?4 + ?3,
                attempt = attempt - 1 WHERE number = ?1",
            params![number, reason, duration_millis(*wait), now],
        )?,
        Outcome::Parked { reason, failures } => db.execute(
            "UPDATE deliveries SET state = 'parked', last_error = ?2, ended_at = ?3, failures = ?4
             WHERE number = ?1",
            params![number, reason, now, failures],
        )?,
    };
    Ok(())
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
    Ok(due.map(uploads::time))
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

/// Whether the files of `upload` are needed no more: all its deliveries ended
/// well, the last one before `before`. Marks them as gone.
pub(super) fn finish(db: &Connection, upload: &str, before: SystemTime) -> rusqlite::Result<bool> {
    let finished = db
        .prepare_cached(
            "UPDATE uploads SET has_files = 0 WHERE id = ?1 AND has_files = 1
             AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.upload = ?1
                AND (d.state <> 'delivered' OR d.ended_at > ?2))",
        )?
        .execute(params![upload, millis(before)])?;
    Ok(finished == 1)
}

/// [`finish`] for all uploads; those whose files are now marked as gone.
pub(super) fn finish_all(db: &Connection, before: SystemTime) -> rusqlite::Result<Vec<String>> {
    db.prepare(
        "UPDATE uploads SET has_files = 0 WHERE has_files = 1
         AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.upload = uploads.id
            AND (d.state <> 'delivered' OR d.ended_at > ?1))
         RETURNING id",
    )?
    .query_map([millis(before)], |row| row.get(0))?
    .collect()
}

/// Forgets uploads whose receipts are older than `before`.
pub(super) fn forget_receipts(db: &Connection, before: SystemTime) -> rusqlite::Result<usize> {
    db.execute(
        "DELETE FROM uploads WHERE has_files = 0 AND NOT EXISTS (SELECT 1 FROM deliveries d
            WHERE d.upload = uploads.id AND (d.state <> 'delivered' OR d.ended_at > ?1))",
        [millis(before)],
    )
}
