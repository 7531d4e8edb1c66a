//! What this host is known by: a key that it makes itself, and the controller's certificate for it.

use std::{
    io,
    net::IpAddr,
    path::{Path, PathBuf},
};

use anyhow::Context;
use api::{Client, ClientError, Credential, JoinAnswer, JoinRequest, JoinToken, Name, Trust, Validity, WriteOptions};
use base64::{Engine, engine::general_purpose::STANDARD};
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair},
};
use serde::de::IgnoredAny;
use tokio::net::{UdpSocket, lookup_host};
use tracing::info;

use crate::{
    args::{ControllerUrl, JoinArgs, RunArgs},
    renew::unix_now,
};

/// The length of a line of PEM (RFC 7468).
const LINE: usize = 64;

/// The files by which Open vSwitch and the agent are known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
    /// The host's certificate and key.
    pub credential: PathBuf,
    /// The authority's certificate.
    pub authority: PathBuf,
}

impl Files {
    /// Where they are for a node.
    pub fn of(state_dir: &Path, node: &Name) -> Self {
        let file = |name: String| state_dir.join(name);
        Self { credential: file(format!("{node}.pem")), authority: file(format!("{node}.authority.pem")) }
    }

    /// The credential, if the host has joined.
    ///
    /// # Errors
    /// When it has not.
    pub fn load(&self) -> anyhow::Result<Credential> {
        Credential::load(&self.credential).context("this host has not joined: sdn-agent join CONTROLLER --token TOKEN")
    }

    /// Puts a credential in place of the one before; certificate and key are one file, which changes at once.
    ///
    /// # Errors
    /// What the system said.
    pub fn keep(&self, credential: &Credential) -> io::Result<()> {
        // Open vSwitch may read them at any time.
        if std::fs::read_to_string(&self.authority).is_ok_and(|there| there == credential.authority) {
            return credential.keep(&self.credential);
        }
        let new = self.authority.with_extension("new");
        std::fs::write(&new, &credential.authority)?;
        std::fs::rename(new, &self.authority)?;
        credential.keep(&self.credential)
    }
}

/// Makes a host a member, unless it is one already, and says how it is to run.
///
/// # Errors
/// When the controller does not answer or refuses, or nothing can be kept on disk.
pub async fn join(args: JoinArgs) -> anyhow::Result<RunArgs> {
    let JoinArgs { controller, token, node, underlay_ip, host } = args;
    let node = match node {
        Some(node) => node,
        None => own_name()?,
    };
    let underlay_ip = match underlay_ip {
        Some(ip) => ip,
        None => address_towards(&controller).await?,
    };
    std::fs::create_dir_all(&host.state_dir)
        .with_context(|| format!("cannot use state directory {}", host.state_dir.display()))?;
    let files = Files::of(&host.state_dir, &node);
    if !is_member(&files, &controller, &node, token.as_ref()).await? {
        let token = token.context("this host has not joined: give --token")?;
        let credential = enrol(&controller, &token, &node, files.load().ok().as_ref()).await?;
        files.keep(&credential).with_context(|| format!("cannot write {}", files.credential.display()))?;
        info!(%node, "joined: the certificate is in {}", files.credential.display());
    }
    Ok(RunArgs { controller, node, underlay_ip, host })
}

/// Whether the host has a certificate; with a token at hand, one that has not ended and counts, as far as the controller says.
async fn is_member(
    files: &Files,
    urls: &[ControllerUrl],
    node: &Name,
    token: Option<&JoinToken>,
) -> anyhow::Result<bool> {
    let Ok(credential) = files.load() else { return Ok(false) };
    let Some(token) = token else { return Ok(true) };
    let ended = Validity::of_pem(&credential.certificate)?.has_ended(unix_now());
    if ended || api::fingerprint_of_pem(&credential.authority)? != token.authority {
        return Ok(false);
    }
    let client = Client::secured(&list(urls), Trust::Known(&credential))?;
    let answer = client.get::<IgnoredAny>(&format!("/v1/nodes/{node}")).await;
    Ok(!matches!(answer, Err(ClientError::Refused { status: 401, .. })))
}

/// A new private key (PKCS #8) as PEM, and its public key as controllers take it.
///
/// # Errors
/// When there is no randomness.
pub fn make_key() -> anyhow::Result<(String, String)> {
    let failed = |_| anyhow::anyhow!("cannot make a key");
    let algorithm = &ECDSA_P256_SHA256_ASN1_SIGNING;
    let key = EcdsaKeyPair::generate_pkcs8(algorithm, &SystemRandom::new()).map_err(failed)?;
    let pair = EcdsaKeyPair::from_pkcs8(algorithm, key.as_ref(), &SystemRandom::new());
    let pair = pair.map_err(|_| anyhow::anyhow!("cannot make a key"))?;
    Ok((pem("PRIVATE KEY", key.as_ref()), STANDARD.encode(pair.public_key())))
}

/// Asks for a certificate with a token. Who has an earlier one shows by its key that this is the same host.
async fn enrol(
    urls: &[ControllerUrl],
    token: &JoinToken,
    node: &Name,
    earlier: Option<&Credential>,
) -> anyhow::Result<Credential> {
    let (key, public_key) = make_key()?;
    let signature = earlier.and_then(|earlier| earlier.sign(&JoinRequest::signed(node, &public_key)).ok());
    let asked = JoinRequest {
        token: token.name.clone(),
        secret: token.secret().to_owned(),
        node: node.clone(),
        public_key,
        signature: signature.map(|signature| STANDARD.encode(signature)),
    };
    let client = Client::secured(&list(urls), Trust::Fingerprint(&token.authority))?;
    let JoinAnswer { certificate, authority } = client.post("/v1/join", &asked, WriteOptions::default()).await?;
    anyhow::ensure!(
        api::fingerprint_of_pem(&authority).is_ok_and(|print| print == token.authority),
        "the controller gave the certificate of another authority than the token is for"
    );
    Ok(Credential { certificate, key, authority })
}

fn list(urls: &[ControllerUrl]) -> String {
    urls.iter().map(|controller| controller.url.as_str()).collect::<Vec<_>>().join(",")
}

fn pem(label: &str, bytes: &[u8]) -> String {
    let text = STANDARD.encode(bytes);
    let lines = text.as_bytes().chunks(LINE).map(|line| String::from_utf8_lossy(line) + "\n");
    format!("-----BEGIN {label}-----\n{}-----END {label}-----\n", lines.collect::<String>())
}

fn own_name() -> anyhow::Result<Name> {
    let name =
        std::fs::read_to_string("/proc/sys/kernel/hostname").context("cannot read the host's name; give --node")?;
    Name::new(name.trim().to_lowercase()).context("the host's name cannot be a node's; give --node")
}

/// The address from which this host reaches a controller.
async fn address_towards(urls: &[ControllerUrl]) -> anyhow::Result<IpAddr> {
    let unknown = || "cannot tell this host's address on the underlay; give --underlay-ip";
    let ControllerUrl { host, port, .. } = urls.first().with_context(unknown)?;
    let to = lookup_host((host.as_str(), *port)).await.with_context(unknown)?.next().with_context(unknown)?;
    let any: IpAddr = if to.is_ipv4() { [0; 4].into() } else { [0; 16].into() };
    let socket = UdpSocket::bind((any, 0)).await.with_context(unknown)?;
    // Nothing is sent: the kernel only looks up the way there.
    socket.connect(to).await.with_context(unknown)?;
    Ok(socket.local_addr().with_context(unknown)?.ip())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_written_in_lines() {
        let text = pem("PRIVATE KEY", &[7; 60]);
        assert!(text.lines().all(|line| line.len() <= LINE) && text.lines().count() == 4, "{text}");
    }
}
