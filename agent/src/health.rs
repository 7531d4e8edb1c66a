//! What external load balancers ask: does this host have backends of a service? One HTTP port for each such service, at
//! each address of the host on the underlay; 200 says yes, 503 no.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use api::Health;
use axum::{Router, http::StatusCode, response::IntoResponse};
use tokio::{net::TcpListener, sync::watch, task::AbortHandle, time::timeout};

use crate::{follow::Configs, trouble::Trouble};

/// How long until a port that could not be opened is tried again.
const PAUSE: Duration = Duration::from_secs(5);
/// How many ports at the most.
const MAX_PORTS: usize = 1024;

/// A port that is open at one address.
struct Open {
    answer: watch::Sender<Health>,
    task: AbortHandle,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Answers at `addresses` for ever.
pub async fn keep(addresses: &[IpAddr], mut configs: Configs) {
    let mut open: BTreeMap<SocketAddr, Open> = BTreeMap::new();
    let mut trouble = Trouble::new("answer load balancers");
    loop {
        let wanted = configs.borrow_and_update().as_ref().map(|current| wanted(addresses, &current.config.health));
        if let Some(wanted) = wanted {
            open.retain(|at, _| wanted.contains_key(at));
            match follow(&mut open, &wanted).await {
                Ok(()) => trouble.over(),
                Err(e) => trouble.note(e),
            }
        }
        if let Ok(Err(_)) = timeout(PAUSE, configs.changed()).await {
            return;
        }
    }
}

fn wanted(addresses: &[IpAddr], health: &[Health]) -> BTreeMap<SocketAddr, Health> {
    let at_each = |health: &Health| {
        let health = health.clone();
        addresses.iter().map(move |ip| (SocketAddr::new(*ip, health.port), health.clone()))
    };
    health.iter().take(MAX_PORTS).flat_map(at_each).collect()
}

async fn follow(open: &mut BTreeMap<SocketAddr, Open>, wanted: &BTreeMap<SocketAddr, Health>) -> anyhow::Result<()> {
    let mut failed = None;
    for (at, health) in wanted {
        match open.get(at) {
            Some(open) => drop(open.answer.send_replace(health.clone())),
            None => match listen(*at, health).await {
                Ok(new) => drop(open.insert(*at, new)),
                Err(e) => failed = Some(anyhow::anyhow!("{at} of service {}: {e}", health.service)),
            },
        }
    }
    failed.map_or(Ok(()), Err)
}

async fn listen(at: SocketAddr, health: &Health) -> std::io::Result<Open> {
    let listener = TcpListener::bind(at).await?;
    let (answer, current) = watch::channel(health.clone());
    let router = Router::new().fallback(move || {
        let health = current.borrow().clone();
        async move { answered(&health) }
    });
    let serve = async move {
        if let Err(error) = axum::serve(listener, router).await {
            tracing::warn!(%error, %at, "a health port ended");
        }
    };
    Ok(Open { answer, task: tokio::spawn(serve).abort_handle() })
}

fn answered(health: &Health) -> impl IntoResponse + use<> {
    let status = if health.backends > 0 { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let body = serde_json::json!({ "service": health.service, "localEndpoints": health.backends });
    (status, axum::Json(body))
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpStream,
    };

    use super::*;

    async fn ask(at: SocketAddr) -> String {
        let mut stream = TcpStream::connect(at).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn it_is_as_the_configuration_says_at_each_address() {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let health = |backends| Health { port, service: api::Name::new("web").unwrap(), backends };
        let (mut open, addresses) = (BTreeMap::new(), ["127.0.0.1", "::1"].map(|ip| ip.parse().unwrap()));
        for (backends, status) in [(2, "200 OK"), (0, "503 Service Unavailable")] {
            follow(&mut open, &wanted(&addresses, &[health(backends)])).await.unwrap();
            for at in addresses.map(|ip| SocketAddr::new(ip, port)) {
                let answer = ask(at).await;
                assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{at}: {answer}");
                assert!(answer.ends_with(&format!(r#"{{"localEndpoints":{backends},"service":"web"}}"#)), "{answer}");
            }
        }
    }
}
