//! The keys of the server itself, and the tables.

use super::{Change, Key};
use crate::values;

pub(super) const KEYS: &[Key] = &[
    Key {
        name: "LISTEN",
        default: "`\"0.0.0.0:8080\"`",
        doc: "where cameras connect; `--listen` overrides it",
        example: "\"0.0.0.0:8080\"",
        change: Change::AtStart,
        is_secret: false,
        set: |value, draft| {
            draft.listen = Some(values::listen(&value.text()?)?);
            Ok(())
        },
    },
    Key {
        name: "UPLOAD_FOLDER",
        default: "`\"upload\"`",
        doc: "where `store` keeps files",
        example: "\"upload\"",
        change: Change::AtStart,
        is_secret: false,
        set: |value, draft| {
            draft.upload_folder = Some(value.path()?);
            Ok(())
        },
    },
    Key {
        name: "SPOOL_FOLDER",
        default: "`$STATE_DIRECTORY`, else `\"spool\"`",
        doc: "uploads on their way, compiled plugins; on a disk that outlives a restart",
        example: "\"spool\"",
        change: Change::AtStart,
        is_secret: false,
        set: |value, draft| {
            draft.spool_folder = Some(value.path()?);
            Ok(())
        },
    },
    Key {
        name: "SESSION_FOLDER",
        default: "none",
        doc: "of the older server: the spool is `afterimage` below it, unless it is a temporary folder or `SPOOL_FOLDER` says otherwise",
        example: "\"session\"",
        change: Change::AtStart,
        is_secret: false,
        set: |value, draft| {
            draft.session_folder = Some(value.path()?);
            Ok(())
        },
    },
    Key {
        name: "SECRET",
        default: "made at the first start",
        doc: "key of the folder names that `store` makes",
        example: "\"a long random text\"",
        change: Change::AtStart,
        is_secret: true,
        set: |value, draft| {
            draft.secret = Some(value.text()?);
            match draft.secret.as_deref().map(str::trim) {
                Some("") => {
                    Err("anybody knows an empty one; remove the line, and one is made".to_owned())
                }
                _ => Ok(()),
            }
        },
    },
    Key {
        name: "INSECURE_DOWNLOAD",
        default: "false",
        doc: "of the older server: has no effect, stored files are not served",
        example: "false",
        change: Change::AtReload,
        is_secret: false,
        set: |value, draft| {
            if value.flag()? {
                draft.warnings.push(
                    "INSECURE_DOWNLOAD has no effect: stored files are not served; share \
                     UPLOAD_FOLDER with a web server if they shall be"
                        .to_owned(),
                );
            }
            Ok(())
        },
    },
];

/// The tables, which are read by themselves.
pub(super) const TABLES: &[Key] = &[
    Key {
        name: "AUTOBACKUP",
        default: "off",
        doc: "whether cameras may copy whole cards, and in whose name: [docs/auto-backup.md](docs/auto-backup.md)",
        example: "{ SENDER = \"Camera@samsungcamera.com\" }",
        change: Change::AtStart,
        is_secret: false,
        set: |_, _| Ok(()),
    },
    Key {
        name: "ACTIONS",
        default: "everything to `store`, or e-mails to `email`",
        doc: "recipient address or service → action, [below](#actions)",
        example: "{ \"store@example.org\" = \"store\" }",
        change: Change::AtReload,
        is_secret: false,
        set: |_, _| Ok(()),
    },
    Key {
        name: "PLUGINS",
        default: "none",
        doc: "actions of your own, [below](#an-action-of-your-own)",
        example: "{ }",
        change: Change::AtReload,
        is_secret: false,
        set: |_, _| Ok(()),
    },
];
