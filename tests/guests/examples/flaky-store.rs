//! Keeps files under a name that tells the delivery, but takes its time and
//! fails at random before, as a service elsewhere does. Wants two files of a
//! post of the sharing menu.

use std::hash::{BuildHasher, RandomState};
use std::thread;
use std::time::Duration;

use afterimage_test_guests::{
    Failure, Receipt, Rejection, Upload, action, bindings, receipt, store,
};
use bindings::afterimage::action::uploads::RetryAdvice;

fn check(draft: Upload) -> Result<u32, Rejection> {
    Ok(if draft.service.is_some() { 2 } else { 1 })
}

fn deliver(upload: Upload) -> Result<Receipt, Failure> {
    let random = RandomState::new().hash_one(&upload.id);
    thread::sleep(Duration::from_millis(random % 20));
    if random % 10 < 3 {
        return Err(again("bad luck".to_owned()));
    }
    for file in &upload.files {
        store::put(file.index, &format!("{}.{}.{}", upload.id, upload.attempt, file.name))
            .map_err(|error| again(format!("{error:?}")))?;
    }
    thread::sleep(Duration::from_millis(random / 100 % 20));
    Ok(receipt("kept at last"))
}

fn again(reason: String) -> Failure {
    Failure::Retry(RetryAdvice { after_seconds: None, reason })
}

action!(check, deliver);
