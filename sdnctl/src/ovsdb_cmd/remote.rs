//! The server that a verb speaks to.

use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::Args;
use ovsdb::transport::{Remote, Stream, Tls, TlsFiles};
use ovsdb::{Client, Options};

/// A server, and who we are to it.
#[derive(Args)]
pub struct Target {
    /// A host, or `unix:FILE`, `tcp:HOST[:PORT]`, `ssl:HOST[:PORT]`.
    address: String,
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

impl Target {
    /// Connects, without speaking yet.
    pub async fn stream(&self) -> anyhow::Result<Stream> {
        let remote: Remote = match self.address.contains(':') {
            true => self.address.parse()?,
            false => format!("tcp:{}", self.address).parse()?,
        };
        let tls = self.tls()?;
        remote.connect(tls.as_ref()).await.with_context(|| format!("cannot connect to {remote}"))
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
        let schema = self.schema().await?;
        if let Some(missing) = tables.iter().find(|table| schema.table(table).is_none()) {
            bail!("database {} has no table {missing}", self.database);
        }
        let mut options = Options::new(&self.database);
        for table in schema.tables.keys() {
            if tables.is_empty() || tables.contains(table) {
                options = options.whole_table(table);
            }
        }
        Ok(Client::from_stream(self.stream().await?, options))
    }

    async fn schema(&self) -> anyhow::Result<ovsdb::DatabaseSchema> {
        let client = Client::from_stream(self.stream().await?, Options::new(&self.database));
        client.ready().await?;
        let schema = client.replica().schema().as_ref().clone();
        Ok(schema)
    }
}
