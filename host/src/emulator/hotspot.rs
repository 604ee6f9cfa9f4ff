//! The check for a captive portal, judged as each model does (`protocol.md` 5).

use super::Model;
use super::device::Device;
use super::request::hotspot::request;
use super::verdict::{Heard, Verdict};

/// Check for a captive portal, as most models do before anything else
#[derive(Debug, clap::Args)]
pub struct Hotspot {
    #[command(flatten)]
    device: Device,
}

impl Hotspot {
    /// Asks, and once more if the answer was not the right one, as whoever
    /// holds the camera would.
    ///
    /// # Errors
    /// The server cannot be reached.
    pub fn run(&self) -> anyhow::Result<Verdict> {
        let model = self.device.model;
        let asked = model.checked_host();
        let request = request(model);
        let mut heard = Vec::new();
        for _ in 0..2 {
            let answer = self.device.ask(&request, Vec::new())?;
            let judged = judge(model, &answer);
            let location = answer.header("Location").map(|to| format!(" to {to}"));
            heard.push(format!("{asked}: {}{}", answer.status_line, location.unwrap_or_default()));
            match judged {
                Ok(()) => return Ok(Verdict { content: true, word: "online", heard }),
                Err(why) => heard.push(why),
            }
        }
        Ok(Verdict { content: false, word: "no network; opens its browser", heard })
    }
}

/// # Errors
/// What the camera misses.
fn judge(model: Model, answer: &Heard) -> Result<(), String> {
    let asked = model.checked_host();
    if asked == "gld.samsungosp.com" {
        return judge_gld(model, answer);
    }
    // Only one of the domain itself counts, and with the dot before it.
    let domain = asked.strip_prefix("www").unwrap_or(asked);
    let cookie = answer.header("Set-Cookie").is_some_and(|cookie| {
        cookie.split(';').any(|part| part.trim() == format!("Domain={domain}"))
    });
    let redirect = answer.status() == 302
        && answer.header("Location").is_some_and(|location| location.starts_with("http://"));
    match (cookie, redirect && model.accepts_redirect()) {
        (false, false) if redirect => Err(format!("wants a cookie of {domain}, not a redirect")),
        (false, false) => Err(format!("neither a redirect to http:// nor a cookie of {domain}")),
        _ => Ok(()),
    }
}

fn judge_gld(model: Model, answer: &Heard) -> Result<(), String> {
    if answer.status() != 200 {
        return Err("wants status 200".to_owned());
    }
    if model != Model::NxMini {
        return Ok(());
    }
    if !answer.body.is_empty() {
        return Err("wants an empty body".to_owned());
    }
    if answer.header("ETag").is_none() {
        return Err("wants an ETag".to_owned());
    }
    match answer.header("Server") {
        Some(server) if server.starts_with("nginx") => Ok(()),
        _ => Err("wants an nginx".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(text: &str) -> Heard {
        Heard::parse(text, 0)
    }

    #[test]
    fn a_redirect_to_https_or_a_cookie_without_the_dot_is_no_answer() {
        let model = Model::Wb850f;
        let redirect = |to: &str| heard(&format!("HTTP/1.1 302 Found\r\nLocation: {to}\r\n\r\n"));
        assert!(judge(model, &redirect("http://yahoo.com")).is_ok());
        assert!(judge(model, &redirect("https://yahoo.com")).is_err());
        assert!(judge(Model::Wb37f, &redirect("http://msn.com")).is_err());
        let cookie = |domain: &str| {
            heard(&format!("HTTP/1.1 200 OK\r\nSet-Cookie: a=b; Domain={domain}; Path=/\r\n\r\n"))
        };
        assert!(judge(model, &cookie(".yahoo.co.kr")).is_ok());
        assert!(judge(model, &cookie("yahoo.co.kr")).is_err());
        assert!(judge(Model::Wb37f, &cookie(".msn.com")).is_ok());
    }

    #[test]
    fn nx_mini_wants_more_than_a_status() {
        let modern = heard("HTTP/1.1 200 OK\r\nETag: \"x\"\r\nServer: nginx/1\r\n\r\n");
        let old = heard("HTTP/1.1 200 OK\r\n\r\n200 OK\n");
        assert!(judge(Model::NxMini, &modern).is_ok());
        assert!(judge(Model::NxMini, &old).is_err());
        assert!(judge(Model::Nx300, &old).is_ok());
    }
}
