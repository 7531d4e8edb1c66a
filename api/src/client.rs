use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use reqwest::{Method, RequestBuilder, StatusCode};
use serde::{Serialize, de::DeserializeOwned};

use crate::{BadCredential, ErrorBody, Trust, plain_http};

/// How long a request may take beyond the time the server was asked to wait.
const GRACE: Duration = Duration::from_secs(5);

/// What can go wrong with a request, in one line for people.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The server could not be reached.
    #[error("cannot reach {server}: {reason}; is it running, and is --server (or SDN_SERVER) right?")]
    Unreachable {
        /// The server's URL or socket.
        server: String,
        /// What the system said.
        reason: String,
    },
    /// The server refused the request.
    #[error("{}", .body.error)]
    Refused {
        /// The HTTP status.
        status: u16,
        /// Its reason.
        body: ErrorBody,
    },
    /// The answer was not what this version expects.
    #[error("{server} answered what this version does not understand: {reason}")]
    Answer {
        /// The server's URL or socket.
        server: String,
        /// What was wrong with it.
        reason: String,
    },
}

/// How long a connection that nobody uses is kept at the most.
const IDLE: Duration = Duration::from_secs(90);

/// How a write is to be answered.
#[derive(Clone, Copy, Debug)]
pub struct WriteOptions {
    /// Whether to wait until every switch concerned has acknowledged it.
    pub wait: bool,
    /// How long to wait at the most.
    pub timeout: Duration,
}

impl Default for WriteOptions {
    fn default() -> Self {
        Self { wait: true, timeout: Duration::from_secs(10) }
    }
}

/// A client of the controller's API, or of an agent's on its socket.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    bases: Arc<[String]>,
    /// Which of them is asked; counts on, modulo their number.
    current: Arc<AtomicUsize>,
    shown: String,
}

impl Client {
    /// A client of the server at `url`, like `http://10.0.0.1:6680`. Of several, with commas between them, it asks the
    /// one that answered last, and another one when that cannot be reached.
    ///
    /// # Errors
    /// When the client cannot be set up.
    pub fn new(url: &str) -> Result<Self, ClientError> {
        Self::build(plain_http(), url, url)
    }

    /// A client of the server at `url`, like `https://10.0.0.1:6680`, that is known by `trust`; of several as [`Client::new`].
    ///
    /// # Errors
    /// When the client cannot be set up, or has no use for what it is to trust.
    pub fn secured(url: &str, trust: Trust<'_>) -> Result<Self, ClientError> {
        let bad = |error: BadCredential| ClientError::Unreachable { server: url.into(), reason: error.to_string() };
        let config = trust.client_config().map_err(bad)?;
        let builder = reqwest::Client::builder().https_only(true).tls_backend_preconfigured(config);
        Self::build(builder.pool_idle_timeout(trust.patience().min(IDLE)), url, url)
    }

    /// A client of the server behind a unix socket.
    ///
    /// # Errors
    /// When the client cannot be set up.
    pub fn unix(path: &std::path::Path) -> Result<Self, ClientError> {
        Self::build(plain_http().unix_socket(path), "http://agent", &path.display().to_string())
    }

    fn build(builder: reqwest::ClientBuilder, bases: &str, shown: &str) -> Result<Self, ClientError> {
        let http = builder
            .connect_timeout(Duration::from_secs(3))
            .no_proxy()
            .build()
            .map_err(|e| ClientError::Unreachable { server: shown.into(), reason: innermost(&e) })?;
        let bases = bases.split(',').map(|base| base.trim_end_matches('/').to_owned()).collect();
        Ok(Self { http, bases, current: Arc::default(), shown: shown.into() })
    }

    /// Reads `path`, like `/v1/nodes`.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        self.get_within(path, Duration::from_secs(30)).await
    }

    /// Reads `path`, which the server may answer as late as `timeout` from now.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn get_within<T: DeserializeOwned>(&self, path: &str, timeout: Duration) -> Result<T, ClientError> {
        let request = self.request(Method::GET, path).timeout(timeout.saturating_add(GRACE));
        self.send(request).await
    }

    /// Asks what is too long for a path; the server may answer as late as `timeout` from now.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn ask<B: Serialize, T: DeserializeOwned>(
        &self,
        path: &str,
        body: &B,
        timeout: Duration,
    ) -> Result<T, ClientError> {
        self.send(self.request(Method::POST, path).json(body).timeout(timeout.saturating_add(GRACE))).await
    }

    /// Reads `path` with a query.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn get_query<T: DeserializeOwned>(&self, path: &str, query: &[(&str, &str)]) -> Result<T, ClientError> {
        self.send(self.request(Method::GET, path).query(query).timeout(GRACE)).await
    }

    /// Reads `path` line by line, as they come.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn lines(&self, path: &str) -> Result<Lines, ClientError> {
        let answer = self.request(Method::GET, path).send().await.map_err(|error| self.unreachable(&error))?;
        let status = answer.status();
        if !status.is_success() {
            let bytes = answer.bytes().await.map_err(|error| self.unreachable(&error))?;
            return Err(ClientError::Refused { status: status.as_u16(), body: refusal(status, &bytes) });
        }
        Ok(Lines { client: self.clone(), answer, pending: Vec::new() })
    }

    /// Creates what must not exist yet.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn post<B: Serialize, T: DeserializeOwned>(
        &self,
        path: &str,
        body: &B,
        options: WriteOptions,
    ) -> Result<T, ClientError> {
        self.send(self.write(Method::POST, path, options).json(body)).await
    }

    /// Creates or replaces.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn put<B: Serialize, T: DeserializeOwned>(
        &self,
        path: &str,
        body: &B,
        options: WriteOptions,
    ) -> Result<T, ClientError> {
        self.send(self.write(Method::PUT, path, options).json(body)).await
    }

    /// Removes.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn delete<T: DeserializeOwned>(&self, path: &str, options: WriteOptions) -> Result<T, ClientError> {
        self.send(self.write(Method::DELETE, path, options)).await
    }

    fn unreachable(&self, error: &reqwest::Error) -> ClientError {
        ClientError::Unreachable { server: self.shown.clone(), reason: innermost(error) }
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base()))
    }

    fn write(&self, method: Method, path: &str, options: WriteOptions) -> RequestBuilder {
        self.request(method, path)
            .query(&[("wait", options.wait.to_string()), ("timeout", options.timeout.as_secs_f64().to_string())])
            .timeout(options.timeout.saturating_add(GRACE))
    }

    async fn send<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, ClientError> {
        let request = request.build().map_err(|error| self.unreachable(&error))?;
        let answer = self.execute(request).await.map_err(|error| self.unreachable(&error))?;
        let status = answer.status();
        let bytes = answer.bytes().await.map_err(|error| self.unreachable(&error))?;
        if status.is_success() {
            return serde_json::from_slice(&bytes)
                .map_err(|e| ClientError::Answer { server: self.shown.clone(), reason: e.to_string() });
        }
        Err(ClientError::Refused { status: status.as_u16(), body: refusal(status, &bytes) })
    }
}

impl Client {
    /// Asks the servers one after the other until one is reached. Who was reached may have done it: it is not done again.
    async fn execute(&self, request: reqwest::Request) -> reqwest::Result<reqwest::Response> {
        let first = self.current.load(Ordering::Relaxed);
        for tried in 1..self.bases.len() {
            let Some(again) = self.aimed(&request) else { break };
            match self.http.execute(again).await {
                Err(error) if error.is_connect() => self.current.store(first.wrapping_add(tried), Ordering::Relaxed),
                answer => return self.judged(answer),
            }
        }
        let request = self.aimed(&request).unwrap_or(request);
        let answer = self.http.execute(request).await;
        self.judged(answer)
    }

    /// A server that could not do it is not asked next time.
    fn judged(&self, answer: reqwest::Result<reqwest::Response>) -> reqwest::Result<reqwest::Response> {
        let failed = |answer: &reqwest::Response| answer.status() == StatusCode::SERVICE_UNAVAILABLE;
        if answer.as_ref().map_or(true, failed) {
            self.current.fetch_add(1, Ordering::Relaxed);
        }
        answer
    }

    /// The request, to the server that is to be asked now.
    fn aimed(&self, request: &reqwest::Request) -> Option<reqwest::Request> {
        let mut aimed = request.try_clone()?;
        let base = reqwest::Url::parse(self.base()).ok()?;
        aimed.url_mut().set_host(base.host_str()).ok()?;
        aimed.url_mut().set_port(base.port()).ok()?;
        Some(aimed)
    }

    fn base(&self) -> &str {
        &self.bases[self.current.load(Ordering::Relaxed) % self.bases.len()]
    }
}

/// The longest line of a stream, in bytes.
const MAX_LINE: usize = 16 << 20;

/// An answer that comes line by line.
pub struct Lines {
    client: Client,
    answer: reqwest::Response,
    pending: Vec<u8>,
}

impl Lines {
    /// The next line; none at the end.
    ///
    /// # Errors
    /// When the stream breaks, or a line is no text or too long.
    pub async fn next(&mut self) -> Result<Option<String>, ClientError> {
        let wrong =
            |client: &Client, reason: &str| ClientError::Answer { server: client.shown.clone(), reason: reason.into() };
        let mut searched = 0;
        loop {
            if let Some(end) = self.pending[searched..].iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.pending.drain(..=searched + end).collect();
                let text = String::from_utf8(line).map_err(|_| wrong(&self.client, "a line is no text"))?;
                return Ok(Some(text.trim_end().to_owned()));
            }
            searched = self.pending.len();
            if searched > MAX_LINE {
                return Err(wrong(&self.client, "a line is too long"));
            }
            match self.answer.chunk().await.map_err(|error| self.client.unreachable(&error))? {
                Some(chunk) => self.pending.extend_from_slice(&chunk),
                None => return Ok(None),
            }
        }
    }
}

fn refusal(status: StatusCode, bytes: &[u8]) -> ErrorBody {
    serde_json::from_slice(bytes)
        .unwrap_or_else(|_| ErrorBody { error: format!("the server answered {status}"), field: None })
}

fn innermost(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}
