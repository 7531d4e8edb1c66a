//! Masquerade: one nftables table of the agent's own, `ip sdn`, replaced whole or left alone.
//!
//! Its rules carry a digest of the ruleset as comment. A table whose rules
//! all carry the right digest, and in the right number, is right.

use std::{process::Stdio, time::Duration};

use ipnet::IpNet;
use serde_json::Value;
use tokio::{io::AsyncWriteExt, process::Command, time::timeout};

use crate::{follow::Configs, hash::fnv1a, trouble::Trouble};

/// How often the table is looked at when nothing has changed.
const INTERVAL: Duration = Duration::from_secs(10);
/// How long `nft` may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// What the table should say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Want {
    /// The sources that are masqueraded.
    pub pools: Vec<IpNet>,
    /// The bridge by which they leave as they are.
    pub bridge: String,
}

impl Want {
    fn rules(&self) -> Vec<String> {
        let rule = |pool: &IpNet| format!("ip saddr {} oifname != \"{}\" masquerade", pool.trunc(), self.bridge);
        self.pools.iter().map(rule).collect()
    }

    fn digest(&self) -> String {
        format!("sdn {:016x}", fnv1a(self.rules().join("\n").as_bytes()))
    }

    /// The whole table as one transaction of `nft -f`.
    pub fn ruleset(&self) -> String {
        let digest = self.digest();
        let rules: String = self.rules().iter().map(|rule| format!("\t\t{rule} comment \"{digest}\"\n")).collect();
        format!(
            "add table ip sdn\ndelete table ip sdn\ntable ip sdn {{\n\tchain postrouting {{\n\
             \t\ttype nat hook postrouting priority srcnat; policy accept;\n{rules}\t}}\n}}\n"
        )
    }

    /// Whether this is what `nft -j list table ip sdn` printed.
    fn is_installed(&self, listing: &str) -> bool {
        let Ok(listing) = serde_json::from_str::<Value>(listing) else { return false };
        let objects = listing.get("nftables").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let chains: Vec<_> = objects.iter().filter_map(|o| o.get("chain")).collect();
        let rules: Vec<_> = objects.iter().filter_map(|o| o.get("rule")).collect();
        let digest = self.digest();
        let hooked = |chain: &&Value| chain.get("hook").and_then(Value::as_str) == Some("postrouting");
        let ours = |rule: &&Value| rule.get("comment").and_then(Value::as_str) == Some(&digest);
        chains.len() == 1 && chains.iter().all(hooked) && rules.len() == self.rules().len() && rules.iter().all(ours)
    }
}

/// Keeps the table right for ever.
pub async fn keep(mut configs: Configs) {
    let mut trouble = Trouble::new("masquerade what leaves the cluster");
    loop {
        let want = configs
            .borrow_and_update()
            .as_ref()
            .map(|current| Want { pools: current.config.masquerade.clone(), bridge: current.config.bridge.clone() });
        if let Some(want) = want {
            match ensure(&want).await {
                Ok(_) => trouble.over(),
                Err(e) => trouble.note(e),
            }
        }
        if let Ok(Err(_)) = timeout(INTERVAL, configs.changed()).await {
            return;
        }
    }
}

/// Makes the table right and answers whether anything had to be written.
///
/// # Errors
/// What `nft` said.
pub async fn ensure(want: &Want) -> anyhow::Result<bool> {
    // A table that is missing is printed as an error.
    if let Ok(listing) = nft(&["-j", "list", "table", "ip", "sdn"], "").await
        && want.is_installed(&listing)
    {
        return Ok(false);
    }
    nft(&["-f", "-"], &want.ruleset()).await?;
    Ok(true)
}

async fn nft(arguments: &[&str], input: &str) -> anyhow::Result<String> {
    let mut child = Command::new("nft")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|e| anyhow::anyhow!("cannot run nft: {e}; is nftables installed?"))?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(input.as_bytes()).await?;
    }
    let output = timeout(PATIENCE, child.wait_with_output()).await??;
    if !output.status.success() {
        let reason = String::from_utf8_lossy(&output.stderr);
        anyhow::bail!("nft: {}", reason.lines().next().unwrap_or("failed without a word"));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn want() -> Want {
        Want { pools: vec!["10.244.0.0/16".parse().unwrap()], bridge: "kbr0".into() }
    }

    fn listing(comments: &[&str]) -> String {
        let rules: String =
            comments.iter().map(|c| format!(r#",{{"rule":{{"family":"ip","comment":"{c}","expr":[]}}}}"#)).collect();
        format!(r#"{{"nftables":[{{"table":{{"name":"sdn"}}}},{{"chain":{{"hook":"postrouting"}}}}{rules}]}}"#)
    }

    #[test]
    fn only_a_table_with_our_digest_and_nothing_else_is_right() {
        let digest = want().digest();
        assert!(want().is_installed(&listing(&[&digest])));
        assert!(!want().is_installed(&listing(&[])));
        assert!(!want().is_installed(&listing(&[&digest, "theirs"])));
        assert!(!want().is_installed(&listing(&["sdn 0"])));
        assert!(!want().is_installed("no JSON"));
        let other = Want { bridge: "kbr1".into(), ..want() };
        assert!(!other.is_installed(&listing(&[&digest])));
    }
}
