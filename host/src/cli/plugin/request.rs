//! `[[HTTP]]` of a test case: requests with their answers.

use std::collections::BTreeMap;

use anyhow::{Context, bail};
use http::{HeaderName, Response, header};
use serde::Deserialize;
use toml_edit::{InlineTable, Table, value};
use url::Url;

use crate::trial::exchange::{Exchange, NOTED};

/// One as written.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", deny_unknown_fields)]
pub(super) struct Request {
    /// `POST https://host/path`
    request: String,
    /// What must be somewhere in its body.
    body_contains: Option<String>,
    /// Of the answer; without it there is no connection.
    status: Option<u16>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    body: String,
}

impl Request {
    /// What it stands for.
    pub(super) fn exchange(&self) -> anyhow::Result<Exchange> {
        let wrong = || format!("REQUEST = {:?}; write \"POST https://host/path\"", self.request);
        let (method, url) = self.request.split_once(' ').with_context(wrong)?;
        let answer = match self.status {
            Some(status) => {
                let mut answer = Response::builder().status(status);
                for (name, value) in &self.headers {
                    answer = answer.header(name, value);
                }
                let body = self.body.clone().into_bytes();
                Some(answer.body(body).with_context(|| format!("answer to {}", self.request))?)
            }
            None if self.headers.is_empty() && self.body.is_empty() => None,
            None => bail!("{}: HEADERS and BODY belong to an answer; add STATUS", self.request),
        };
        Ok(Exchange {
            method: method.parse().with_context(wrong)?,
            url: Url::parse(url).with_context(wrong)?,
            body_contains: self.body_contains.clone(),
            answer,
        })
    }
}

/// What is the transport's, another one every time, or a secret.
const NOT_WRITTEN: [HeaderName; 6] = [
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::DATE,
    header::SET_COOKIE,
    header::TRANSFER_ENCODING,
    HeaderName::from_static("keep-alive"),
];

/// One that was made, to be written.
pub(super) fn written(exchange: &Exchange) -> anyhow::Result<Table> {
    let mut table = Table::new();
    table["REQUEST"] = value(exchange.to_string());
    let Some(answer) = &exchange.answer else { return Ok(table) };
    table["STATUS"] = value(i64::from(answer.status().as_u16()));
    let mut headers = InlineTable::new();
    for (name, text) in answer.headers().iter().filter(|(name, _)| !NOT_WRITTEN.contains(name)) {
        if let Ok(text) = text.to_str() {
            headers.insert(name.as_str(), text.into());
        }
    }
    if !headers.is_empty() {
        table["HEADERS"] = value(headers);
    }
    let body = std::str::from_utf8(answer.body()).ok().filter(|body| body.len() <= NOTED);
    let body = body.with_context(|| {
        format!("the answer to {exchange} is no text of at most 64 KiB and cannot be recorded")
    })?;
    if !body.is_empty() {
        table["BODY"] = value(body);
    }
    Ok(table)
}
