//! Kernel settings under `/proc/sys/net`, of the network namespace of the calling thread.

use std::{fs, io, path::PathBuf};

/// Sets `key`, like `ipv4/ip_forward`, unless it has that value already.
///
/// A key this kernel does not have (IPv6 compiled out) is no error.
///
/// # Errors
/// What the kernel said.
pub fn set(key: &str, value: &str) -> io::Result<()> {
    match get(key)? {
        Some(now) if now != value => fs::write(PathBuf::from("/proc/sys/net").join(key), value),
        _ => Ok(()),
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

/// Lets a device have IPv6.
///
/// # Errors
/// What the kernel said.
pub fn allow_v6(device: &str) -> io::Result<()> {
    set(&format!("ipv6/conf/{device}/disable_ipv6"), "0")
}

/// Lets a device have IPv6, and the host forward it.
///
/// A host that forwards takes no more routes from router advertisements, unless it is told to go on: devices that did are.
///
/// # Errors
/// What the kernel said.
pub fn forward_v6(device: &str) -> io::Result<()> {
    allow_v6(device)?;
    set(&format!("ipv6/neigh/{device}/retrans_time_ms"), "50")?;
    if get("ipv6/conf/all/forwarding")?.as_deref() != Some("0") {
        return Ok(());
    }
    for entry in fs::read_dir("/proc/sys/net/ipv6/conf")? {
        let key = format!("ipv6/conf/{}/accept_ra", entry?.file_name().to_string_lossy());
        if get(&key)?.as_deref() == Some("1") {
            set(&key, "2")?;
        }
    }
    set("ipv6/conf/all/forwarding", "1")
}

/// Has a device ask at once whether a neighbour is still where it was when that is not sure, rather than after five seconds.
///
/// Open vSwitch learns the Ethernet addresses of tunnels' other ends from answers to ARP and ND alone. A host that was itself
/// asked knows the neighbour already, as one that is not sure, and would use it without asking.
///
/// # Errors
/// What the kernel said.
pub fn ask_neighbours(device: &str) -> io::Result<()> {
    set(&format!("ipv4/neigh/{device}/delay_first_probe_time"), "0")?;
    set(&format!("ipv6/neigh/{device}/delay_first_probe_time"), "0")
}

/// Has a device answer at once for the addresses of others that the kernel is told to.
///
/// # Errors
/// What the kernel said.
pub fn answer_for_others(device: &str) -> io::Result<()> {
    set(&format!("ipv4/neigh/{device}/proxy_delay"), "0")?;
    set(&format!("ipv6/neigh/{device}/proxy_delay"), "0")?;
    set(&format!("ipv6/conf/{device}/proxy_ndp"), "1")
}

/// Has a device take packets from addresses to which routes lead by way of another device.
///
/// # Errors
/// What the kernel said.
pub fn loosen_source_check(device: &str) -> io::Result<()> {
    let key = format!("ipv4/conf/{device}/rp_filter");
    // The stricter one of the two counts, and loose is more than strict.
    let strict = |key: &str| io::Result::Ok(get(key)?.as_deref() == Some("1"));
    if strict("ipv4/conf/all/rp_filter")? && get(&key)?.as_deref() != Some("2") || strict(&key)? {
        set(&key, "2")?;
    }
    Ok(())
}

/// The value of `key`; none if this kernel does not have it.
fn get(key: &str) -> io::Result<Option<String>> {
    match fs::read_to_string(PathBuf::from("/proc/sys/net").join(key)) {
        Ok(value) => Ok(Some(value.trim().to_owned())),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e),
    }
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
