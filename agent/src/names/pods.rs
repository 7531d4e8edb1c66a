//! `resolv.conf` for network namespaces that have a name: what `ip netns exec NAME` shows in the place of the host's.

use std::{
    fs, io,
    net::IpAddr,
    path::{Path, PathBuf},
};

use api::{Name, NamesConfig};

/// Where named namespaces are (ip-netns(8)).
const NAMED: [&str; 2] = ["/run/netns", "/var/run/netns"];
/// Where files are that stand in the place of those in `/etc`.
const ETC: &str = "/etc/netns";
/// The first line of a file of ours: only those are ever changed.
const MARK: &str = "# by sdn-agent\n";

/// What an endpoint of `network` with these addresses should have as its `resolv.conf`: the resolver by each family it has.
pub fn text(config: &NamesConfig, network: &Name, ips: &[IpAddr]) -> String {
    let reached = |at: &IpAddr| ips.iter().any(|ip| ip.is_ipv4() == at.is_ipv4());
    let servers = config.addresses().into_iter().filter(reached).map(|at| format!("nameserver {at}\n"));
    format!("{MARK}{}search {network}.{}\n", servers.collect::<String>(), config.domain)
}

/// Writes it for the namespace at `netns`, if that has a name and its administrator has not written one.
///
/// # Errors
/// What the system said.
pub fn write(netns: &Path, text: &str) -> io::Result<()> {
    let Some(file) = file(Path::new(ETC), netns) else { return Ok(()) };
    if !is_ours(&file)? {
        return Ok(());
    }
    fs::create_dir_all(file.parent().unwrap_or(Path::new(ETC)))?;
    fs::write(&file, text)
}

/// Removes what [`write()`] wrote.
///
/// # Errors
/// What the system said.
pub fn remove(netns: &Path) -> io::Result<()> {
    let Some(file) = file(Path::new(ETC), netns) else { return Ok(()) };
    if !file.exists() || !is_ours(&file)? {
        return Ok(());
    }
    fs::remove_file(&file)?;
    // Somebody else's files keep the directory.
    let _ = file.parent().map(fs::remove_dir);
    Ok(())
}

/// The file for the namespace at `netns`; none if that has no name.
fn file(etc: &Path, netns: &Path) -> Option<PathBuf> {
    let named = NAMED.iter().any(|dir| netns.parent() == Some(Path::new(dir)));
    named.then(|| Some(etc.join(netns.file_name()?).join("resolv.conf"))).flatten()
}

/// Whether it is there and ours, or not there.
fn is_ours(file: &Path) -> io::Result<bool> {
    match fs::read(file) {
        Ok(text) => Ok(text.starts_with(MARK.as_bytes())),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(e) => Err(e),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_namespaces_with_a_name_have_a_file() {
        let of = |netns: &str| file(Path::new("/etc/netns"), Path::new(netns));
        assert_eq!(of("/run/netns/web"), Some("/etc/netns/web/resolv.conf".into()));
        assert_eq!(of("/var/run/netns/web"), Some("/etc/netns/web/resolv.conf".into()));
        for none in ["/proc/7/ns/net", "/run/netns", "/run/netns/a/b", "/run/netns/.."] {
            assert_eq!(of(none), None, "{none}");
        }
    }

    #[test]
    fn what_an_administrator_wrote_stays() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("resolv.conf");
        assert!(is_ours(&file).unwrap());
        fs::write(&file, "nameserver 192.0.2.1\n").unwrap();
        assert!(!is_ours(&file).unwrap());
        fs::write(&file, format!("{MARK}x")).unwrap();
        assert!(is_ours(&file).unwrap());
    }
}
