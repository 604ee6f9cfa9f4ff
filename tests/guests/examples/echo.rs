//! Well-behaved: reports all it was given, and what it read, as one JSON object.

use std::fs::File;
use std::io::{self, Read};

use afterimage_test_guests::log::{self, Level};
use afterimage_test_guests::{Failure, Origin, Receipt, Upload, action, receipt, settings};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

fn deliver(upload: Upload) -> Result<Receipt, Failure> {
    let files: Vec<Value> = upload
        .files
        .iter()
        .map(|file| {
            json!({
                "name": file.name,
                "content-type": file.content_type,
                "size": file.size,
                "sha256": file.sha256,
                "sha256-read": sha256(&file.path).unwrap_or_else(|error| error.to_string()),
            })
        })
        .collect();
    let seen = json!({
        "id": upload.id,
        "attempt": upload.attempt,
        "origin": match upload.origin {
            Origin::Email => "email",
            Origin::Social => "social",
        },
        "service": upload.service,
        "instance": upload.instance,
        "sender": upload.sender,
        "recipients": upload.recipients,
        "subject": upload.subject,
        "body": upload.body,
        "camera": upload.camera,
        "settings": serde_json::from_str::<Value>(&settings::json()).unwrap_or_default(),
        "files": files,
    })
    .to_string();

    log::write(Level::Info, &seen, &[]);
    Ok(receipt(seen))
}

fn sha256(path: &str) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut block = vec![0; 64 * 1024];
    let mut digest = Sha256::new();
    loop {
        match file.read(&mut block)? {
            0 => break,
            length => digest.update(&block[..length]),
        }
    }
    Ok(digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

action!(deliver);
