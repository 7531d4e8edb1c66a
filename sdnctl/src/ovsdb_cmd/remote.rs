//! The server that a verb speaks to.

use std::net::Ipv6Addr;
use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::Args;
use ovsdb::transport::{AddressError, Remote, Stream, Tls, TlsFiles};
use ovsdb::{Client, DatabaseSchema, Options};

use super::wire::Wire;

/// A server, and who we are to it.
#[derive(Args)]
pub struct Target {
    /// A host, HOST:PORT, the path of a socket, or tcp:HOST:PORT, ssl:HOST:PORT, unix:FILE (ports may be left out).
    #[arg(value_name = "HOST|ADDRESS", value_parser = address)]
    address: Remote,
    /// The database.
    #[arg(long, default_value = "Open_vSwitch")]
    pub database: String,
    /// Private key for ssl, in PEM form.
    #[arg(long)]
    private_key: Option<PathBuf>,
    /// Certificate for ssl, in PEM form.
    #[arg(long)]
    certificate: Option<PathBuf>,
    /// Certificate of who signed the server's, in PEM form.
    #[arg(long)]
    ca_cert: Option<PathBuf>,
}

/// Reads an address; without tcp:, ssl: or unix: a path is that of a socket, all else a host.
fn address(text: &str) -> Result<Remote, AddressError> {
    let is_kind = |kind: &str| matches!(kind, "tcp" | "ssl" | "unix" | "ptcp" | "pssl" | "punix");
    if text.split_once(':').is_some_and(|(kind, _)| is_kind(kind)) {
        return text.parse();
    }
    if text.contains('/') {
        return Ok(Remote::Unix(text.into()));
    }
    let host = match text.parse::<Ipv6Addr>() {
        Ok(_) => format!("tcp:[{text}]"),
        Err(_) => format!("tcp:{text}"),
    };
    host.parse()
}

impl Target {
    /// Connects, without speaking yet.
    pub async fn stream(&self) -> anyhow::Result<Stream> {
        let tls = self.tls()?;
        let connected = self.address.connect(tls.as_ref()).await;
        connected.with_context(|| format!("cannot connect to {}", self.address))
    }

    fn tls(&self) -> anyhow::Result<Option<Tls>> {
        let files = (self.private_key.clone(), self.certificate.clone(), self.ca_cert.clone());
        match files {
            (None, None, None) => Ok(None),
            (Some(private_key), Some(certificate), Some(ca_cert)) => {
                Ok(Some(Tls::load(&TlsFiles { private_key, certificate, ca_cert })?))
            }
            _ => bail!("give --private-key, --certificate and --ca-cert together"),
        }
    }

    /// A client that monitors whole tables, all of them if none is named.
    pub async fn client(&self, tables: &[String]) -> anyhow::Result<Client> {
        let schema = Wire::new(self.stream().await?).schema(&self.database).await?;
        self.check(&schema, tables)?;
        let mut options = Options::new(&self.database);
        for table in schema.tables.keys() {
            if tables.is_empty() || tables.contains(table) {
                options = options.whole_table(table);
            }
        }
        Ok(Client::from_stream(self.stream().await?, options))
    }

    /// An error unless the database has these tables.
    pub fn check(&self, schema: &DatabaseSchema, tables: &[String]) -> anyhow::Result<()> {
        match tables.iter().find(|table| schema.table(table).is_none()) {
            Some(missing) => bail!("database {} has no table {missing}", self.database),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_may_be_bare() {
        for (text, printed) in [
            ("host.example", "tcp:host.example:6640"),
            ("192.0.2.1:7000", "tcp:192.0.2.1:7000"),
            ("localhost:6641", "tcp:localhost:6641"),
            ("2001:db8::1", "tcp:[2001:db8::1]:6640"),
            ("[::1]:7000", "tcp:[::1]:7000"),
            ("/run/openvswitch/db.sock", "unix:/run/openvswitch/db.sock"),
            ("./db.sock", "unix:./db.sock"),
            ("ssl:host", "ssl:host:6640"),
            ("tcp:host:1", "tcp:host:1"),
        ] {
            assert_eq!(address(text).map(|remote| remote.to_string()), Ok(printed.to_owned()));
        }
        for text in ["", "ptcp:6640", "punix:/run/x", "udp:host:1", "host:port", "tcp:", "host:99999"] {
            assert!(address(text).is_err(), "{text}");
        }
    }
}
