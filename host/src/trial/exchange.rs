//! Requests with their answers: noted by `plugin try`, scripted by the cases
//! of `plugin test`, which has no network and the same answer every time.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Full};
use url::Url;
use wasmtime_wasi_http::{Error, WasiBody};

use crate::capability::http::echo::EchoScan;
use crate::capability::http::{Answer, Io, Passed, Wiretap};

/// Bytes of an answer's body that are noted.
pub const NOTED: usize = 64 << 10;

/// One request and its answer.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// `POST`
    pub method: Method,
    /// With path and query.
    pub url: Url,
    /// What must be somewhere in the request's body.
    pub body_contains: Option<String>,
    /// None if there is no connection.
    pub answer: Option<Response<Vec<u8>>>,
}

impl fmt::Display for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.url)
    }
}

/// The exchanges so far. Of a body, the first [`NOTED`] bytes and one more are
/// kept, so that what was cut shows.
#[derive(Debug, Default)]
pub struct Notes(Mutex<Vec<Exchange>>);

impl Notes {
    /// What was noted since the last time.
    pub fn take(&self) -> Vec<Exchange> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Notes the answer to the request at `place`, and its body as it comes.
    fn answer(self: &Arc<Self>, place: usize, answer: Response<WasiBody>) -> Response<WasiBody> {
        let mut noted = Response::new(Vec::new());
        *noted.status_mut() = answer.status();
        *noted.headers_mut() = answer.headers().clone();
        self.at(place, |exchange| exchange.answer = Some(noted));
        let notes = self.clone();
        answer.map(|body| {
            let body = body.map_frame(move |frame| {
                if let Some(data) = frame.data_ref() {
                    notes.at(place, |exchange| {
                        let Some(answer) = &mut exchange.answer else { return };
                        let room = (NOTED + 1).saturating_sub(answer.body().len());
                        answer.body_mut().extend_from_slice(&data[..data.len().min(room)]);
                    });
                }
                frame
            });
            body.boxed_unsync()
        })
    }

    fn at(&self, place: usize, change: impl FnOnce(&mut Exchange)) {
        let mut exchanges = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        exchanges.get_mut(place).map(change);
    }
}

impl Wiretap for Arc<Notes> {
    fn sent(&self, method: &Method, url: &Url) -> Passed {
        let mut exchanges = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (method, url) = (method.clone(), url.clone());
        exchanges.push(Exchange { method, url, body_contains: None, answer: None });
        let (notes, place) = (self.clone(), exchanges.len() - 1);
        Box::new(move |answer| notes.answer(place, answer))
    }
}

/// The requests that are expected, in order, with their answers.
#[derive(Debug, Default)]
pub struct Script {
    left: Mutex<VecDeque<Exchange>>,
    deviations: Mutex<Vec<String>>,
}

impl Script {
    /// Expects `exchanges`.
    pub fn new(exchanges: Vec<Exchange>) -> Arc<Self> {
        Arc::new(Self { left: Mutex::new(exchanges.into()), deviations: Mutex::default() })
    }

    /// Where the guest did otherwise, requests that it did not make included.
    pub fn deviations(&self) -> Vec<String> {
        let mut deviations = self.deviations.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        deviations.extend(left.iter().map(|exchange| format!("missing request: {exchange}")));
        deviations
    }

    /// The exchange that this request begins, if it is the expected one.
    fn next(&self, method: &Method, url: &Url) -> Option<Exchange> {
        let next = self.left.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        match next {
            Some(next) if next.method == *method && next.url == *url => return Some(next),
            Some(next) => self.deviate(format!("expected {next}\n    sent {method} {url}")),
            None => self.deviate(format!("unexpected request: {method} {url}")),
        }
        None
    }

    /// Takes the request's body and answers.
    async fn answer(
        &self,
        exchange: Exchange,
        request: Request<WasiBody>,
    ) -> Result<Response<WasiBody>, Error> {
        let mut body = request.into_body();
        let needle = exchange.body_contains.clone().unwrap_or_default();
        let mut scan = EchoScan::new(needle.clone().into());
        let mut found = needle.is_empty();
        while let Some(frame) = body.frame().await {
            let Ok(frame) = frame else {
                self.deviate(format!("{exchange}: its body breaks off"));
                return Err(Error::ConnectionTerminated);
            };
            if let Ok(piece) = frame.into_data() {
                found = found || scan.pass(piece).is_err();
            }
        }
        if !found {
            self.deviate(format!("{exchange}: {needle:?} is not in its body"));
        }
        let answer = exchange.answer.ok_or(Error::ConnectionRefused)?;
        Ok(answer.map(|body| {
            Full::new(Bytes::from(body)).map_err(|never| match never {}).boxed_unsync()
        }))
    }

    fn deviate(&self, text: String) {
        self.deviations.lock().unwrap_or_else(PoisonError::into_inner).push(text);
    }
}

impl Wiretap for Arc<Script> {
    fn answers(&self) -> bool {
        true
    }

    fn answer(&self, url: &Url, request: Request<WasiBody>) -> Answer {
        let (script, next) = (self.clone(), self.next(request.method(), url));
        Box::new(async move {
            let next = next.ok_or(Error::HttpRequestDenied)?;
            let answer = Script::answer(&script, next, request).await?;
            Ok((answer, Box::new(async { Ok(()) }) as Io))
        })
    }
}
