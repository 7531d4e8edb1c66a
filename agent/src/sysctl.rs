//! Kernel settings under `/proc/sys/net`, of the network namespace of the calling thread.

use std::{fs, io, path::PathBuf};

/// Sets `key`, like `ipv4/ip_forward`, unless it has that value already.
///
/// A key this kernel does not have (IPv6 compiled out) is no error.
///
/// # Errors
/// What the kernel said.
pub fn set(key: &str, value: &str) -> io::Result<()> {
    let path = PathBuf::from("/proc/sys/net").join(key);
    match fs::read_to_string(&path) {
        Ok(now) if now.trim() == value => Ok(()),
        Ok(_) => fs::write(&path, value),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(e) => Err(e),
    }
}

/// Keeps the kernel from answering and speaking on a port of the switch.
///
/// The userspace datapath reads such a port through a packet socket while the
/// kernel still sees the same frames: it must not answer ARP there, nor have
/// an IPv6 address.
///
/// # Errors
/// What the kernel said.
pub fn silence_port(device: &str) -> io::Result<()> {
    set(&format!("ipv4/conf/{device}/arp_ignore"), "8")?;
    set(&format!("ipv6/conf/{device}/disable_ipv6"), "1")
}

/// Keeps a device from making up IPv6 addresses: neither from router advertisements nor a link-local one.
///
/// # Errors
/// What the kernel said.
pub fn no_autoconf(device: &str) -> io::Result<()> {
    set(&format!("ipv6/conf/{device}/accept_ra"), "0")?;
    set(&format!("ipv6/conf/{device}/autoconf"), "0")?;
    set(&format!("ipv6/conf/{device}/addr_gen_mode"), "1")
}

/// Has a device whose ARP requests the switch on this very host answers repeat them sooner than after a second.
///
/// The first one may come before the switch has its flows.
///
/// # Errors
/// What the kernel said.
pub fn quick_arp(device: &str) -> io::Result<()> {
    set(&format!("ipv4/neigh/{device}/retrans_time_ms"), "50")
}
