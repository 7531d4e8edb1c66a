use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use api::Name;
use tokio::time::{sleep, timeout};
use tracing::{info, warn};

use super::{Attached, Endpoints, Record, alias, device_name};
use crate::{Error, follow::Current, link::Device};

/// How often pods are looked for when no configuration comes, and how often at the most.
const INTERVALS: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(1));

/// What has been dealt with already, so that it is not done or logged twice.
#[derive(Debug, Default)]
struct Done {
    /// The MTU that pods have, and that of their way to other hosts where it is smaller, once they were checked.
    mtu: Option<(u32, Option<u32>)>,
    /// Endpoints whose device was missing the last time.
    missing: BTreeSet<Name>,
    /// Those of them that were logged.
    reported: BTreeSet<Name>,
}

/// Finishes for ever what was left unfinished, and removes what is no endpoint's any more.
pub async fn keep(endpoints: &Endpoints) {
    let mut configs = endpoints.configs.clone();
    let mut done = Done::default();
    loop {
        let current = configs.borrow_and_update().clone();
        // Nothing goes on the word of an old configuration.
        if let Some(current) = current.filter(|c| c.fresh)
            && let Err(e) = endpoints.sweep(&current, &mut done).await
        {
            warn!(reason = %e, "cannot look after the endpoints; trying again later");
        }
        sleep(INTERVALS.1).await;
        if let Ok(Err(_)) = timeout(INTERVALS.0, configs.changed()).await {
            return;
        }
    }
}

impl Endpoints {
    async fn sweep(&self, current: &Current, done: &mut Done) -> Result<(), Error> {
        let known: BTreeSet<&Name> = current.config.endpoints.iter().map(|e| &e.name).collect();
        let devices: BTreeMap<String, Device> =
            self.netlink.devices().await?.into_iter().map(|d| (d.name.clone(), d)).collect();
        for (name, record) in &self.snapshot() {
            if let Err(e) = self.finish(name, record, current, known.contains(name)).await {
                warn!(endpoint = %name, reason = %e, "cannot remove it; trying again later");
            }
        }
        for device in devices.values() {
            self.remove_stale(device, &known).await?;
        }
        report_missing(&devices, &known, done);
        let mtu = Some((current.config.mtu, current.config.smaller_mtu()));
        if std::mem::replace(&mut done.mtu, mtu) != mtu {
            self.mend_all(&devices, current).await;
        }
        Ok(())
    }

    /// Removes an endpoint that should not be: half made, half removed, without a pod, or deleted at the controller.
    async fn finish(&self, name: &Name, seen: &Record, current: &Current, known: bool) -> Result<(), Error> {
        let deleted = |kept: &Attached| !known && kept.endpoint.revision <= current.config.revision;
        let should_go = |record: &Record| match record {
            Record::Attaching | Record::Detaching => true,
            Record::Attached(kept) => deleted(kept) || !kept.is_alive(),
        };
        if !should_go(seen) {
            return Ok(());
        }
        let Some(_claim) = self.claim_if_idle(name) else { return Ok(()) };
        match self.record(name) {
            Some(record) if should_go(&record) => {
                if record != Record::Detaching {
                    info!(endpoint = %name, "its pod is gone, or it was deleted or left unfinished: removing it");
                }
                self.take_down(name).await
            }
            _ => Ok(()),
        }
    }

    /// Removes a device of ours that is no endpoint's.
    async fn remove_stale(&self, device: &Device, known: &BTreeSet<&Name>) -> Result<(), Error> {
        let Some(name) = owner(device).filter(|name| !known.contains(name)) else { return Ok(()) };
        let Some(_claim) = self.claim_if_idle(&name) else { return Ok(()) };
        if self.record(&name).is_some() {
            return Ok(());
        }
        info!(device = %device.name, endpoint = %name, "removing the device of an endpoint that is no more");
        self.netlink.remove(device).await
    }

    /// Checks every pod that is there, after a start and when the MTU changed.
    async fn mend_all(&self, devices: &BTreeMap<String, Device>, current: &Current) {
        for name in self.snapshot().into_keys().filter(|name| devices.contains_key(&device_name(name))) {
            let _claim = self.claim(&name).await;
            let Some(Record::Attached(kept)) = self.record(&name) else { continue };
            if let Err(e) = self.mend_inside(&kept, current).await {
                warn!(endpoint = %name, reason = %e, "cannot put the pod's device right");
            }
        }
    }
}

/// Logs endpoints whose device is missing, once each; a runtime decides what becomes of them.
fn report_missing(devices: &BTreeMap<String, Device>, known: &BTreeSet<&Name>, done: &mut Done) {
    let gone = |name: &&&Name| !devices.contains_key(&device_name(name));
    let missing: BTreeSet<Name> = known.iter().filter(gone).map(|name| (*name).clone()).collect();
    // One that is being detached may be missing for a moment.
    let lasting: BTreeSet<Name> = missing.intersection(&done.missing).cloned().collect();
    for name in lasting.difference(&done.reported) {
        warn!(endpoint = %name, "its device is missing; attach it again or detach it");
    }
    done.missing = missing;
    done.reported = lasting;
}

/// The endpoint a device of ours was made for.
fn owner(device: &Device) -> Option<Name> {
    let name = Name::new(device.alias.as_deref()?.strip_prefix("sdn:")?).ok()?;
    (device.name == device_name(&name) && device.alias == Some(alias(&name))).then_some(name)
}
