//! The network between the hosts: one Linux bridge in a namespace of its own, a port per member named
//! after it, and cuts made with nftables.

use anyhow::{Context, Result};

use crate::plan::{
    Config, EXTERNAL_IP, EXTERNAL_IP6, Place, UNDERLAY_PREFIX, UNDERLAY_PREFIX6, UPLINK, controller_ip, controller_ip6,
};
use crate::{netns, tool};

const TABLE: &str = "bridge partition";

/// Makes the bridge, plugs every member in, and gives the controller and the outside machine their
/// addresses. The namespaces are there already.
///
/// # Errors
/// When the kernel refuses a step.
pub fn build(config: &Config) -> Result<()> {
    let mut members: Vec<Place> = config.host_ids().map(Place::from).collect();
    members.extend(config.controller_places());
    members.push(Place::External);
    let mut lines = vec!["link add br0 type bridge mcast_snooping 0".to_owned(), "link set br0 up".to_owned()];
    for member in &members {
        let ns = config.netns(member);
        lines.push(format!("link add {member} type veth peer name {UPLINK} netns {ns}"));
        lines.push(format!("link set {member} master br0 up"));
    }
    netns::within(&config.underlay_netns(), || {
        tool::sysctl("ipv6/conf/default/disable_ipv6", "1")?;
        tool::ip_batch(&lines)
    })
    .context("cannot build the underlay")?;
    let controllers = (1..=config.controllers).map(|number| (Place::controller(number), controller_ip(number)));
    for (place, ip) in controllers.chain([(Place::External, EXTERNAL_IP)]) {
        netns::within(&config.netns(&place), || {
            tool::tx_offload_off(UPLINK)?;
            tool::ip_batch(&[
                "link set lo up".to_owned(),
                format!("addr add {ip}/{UNDERLAY_PREFIX} dev {UPLINK}"),
                format!("link set {UPLINK} up"),
            ])
        })?;
    }
    let controllers = (1..=config.controllers).map(|number| (Place::controller(number), controller_ip6(number)));
    for (place, ip) in controllers.chain([(Place::External, EXTERNAL_IP6)]).filter(|_| config.has_underlay6()) {
        let address = format!("addr add {ip}/{UNDERLAY_PREFIX6} dev {UPLINK} nodad");
        netns::within(&config.netns(&place), || tool::ip_batch(&[address]))?;
    }
    Ok(())
}

/// Cuts `one` off from `other`, or from everybody. Cuts add up until [`heal`].
///
/// # Errors
/// When nftables refuses it.
pub fn partition(config: &Config, one: &Place, other: Option<&Place>) -> Result<()> {
    let matches = match other {
        None => [format!("iifname {one}"), format!("oifname {one}")],
        Some(other) => [format!("iifname {one} oifname {other}"), format!("iifname {other} oifname {one}")],
    };
    drop_frames(config, &matches)
}

/// Loses so many of a hundred frames from `from` to `to`, and none the other way, until [`heal`].
///
/// # Errors
/// When nftables refuses it.
pub fn lose(config: &Config, from: &Place, to: &Place, percent: u8) -> Result<()> {
    let share = if percent < 100 { format!(" numgen random mod 100 < {percent}") } else { String::new() };
    drop_frames(config, &[format!("iifname {from} oifname {to}{share}")])
}

/// Has the link of `member` carry packets of at most `mtu` bytes, without telling it: larger ones are lost.
///
/// # Errors
/// When the kernel refuses it.
pub fn set_mtu(config: &Config, member: &Place, mtu: u32) -> Result<()> {
    netns::within(&config.underlay_netns(), || tool::ip_batch(&[format!("link set {member} mtu {mtu}")]))
}

fn drop_frames(config: &Config, matches: &[String]) -> Result<()> {
    let mut text = format!(
        "add table {TABLE}\n\
         add chain {TABLE} forward {{ type filter hook forward priority 0; }}\n"
    );
    for wanted in matches {
        text += &format!("add rule {TABLE} forward {wanted} drop\n");
    }
    netns::within(&config.underlay_netns(), || tool::nft(&text))
}

/// Removes every cut.
///
/// # Errors
/// When nftables refuses it.
pub fn heal(config: &Config) -> Result<()> {
    // Adding first makes it no error to heal what is whole.
    let text = format!("add table {TABLE}\ndelete table {TABLE}\n");
    netns::within(&config.underlay_netns(), || tool::nft(&text))
}
