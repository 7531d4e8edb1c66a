use std::time::Duration;

use api::{ClientError, Endpoint, Name, WriteOptions, Written};
use tokio::time::timeout;
use tracing::{info, warn};

use super::{Endpoints, Record, alias, device_name};
use crate::{Error, names::pods, vswitchd};

/// How long the controller may take to say what it knows of an endpoint.
const PATIENCE: Duration = Duration::from_secs(3);
/// How long the switches have to drop an endpoint's flows before its device goes.
const RETRACT: WriteOptions = WriteOptions { wait: true, timeout: Duration::from_secs(2) };
/// How long the switch may take to get over the port's end, and then over that of its device.
const PORT_GONE: Duration = Duration::from_millis(100);
const DEVICE_DOWN: Duration = Duration::from_millis(20);

impl Endpoints {
    /// Removes an endpoint; one that is not there is no error.
    ///
    /// While the controller is away the device goes and the controller is told later.
    ///
    /// # Errors
    /// All that failed.
    pub async fn detach(&self, name: &Name) -> Result<(), Error> {
        let _claim = self.claim(name).await;
        self.take_down(name).await?;
        info!(endpoint = %name, "detached");
        Ok(())
    }

    /// Removes all there is of an endpoint: at the controller first, so that its flows go before its device.
    ///
    /// The caller holds the claim on it.
    pub(super) async fn take_down(&self, name: &Name) -> Result<(), Error> {
        let again = self.record(name) == Some(Record::Detaching);
        if let Some(Record::Attached(kept)) = self.record(name)
            && let Err(e) = pods::remove(&kept.attach.netns)
        {
            warn!(endpoint = %name, reason = %e, "cannot remove its resolv.conf");
        }
        let told = self.unregister(name).await;
        if matches!(told, Ok(true)) {
            vswitchd::settle(&self.ovs_db, PORT_GONE).await;
        }
        let unplugged = self.unplug(name).await;
        let remembered = match &told {
            Ok(_) => self.forget(name),
            Err(_) if again => Ok(()),
            Err(_) => self.remember(name, Record::Detaching).await,
        };
        let told = match told {
            Err(e) if e.is_unreachable() => {
                if !again {
                    warn!(endpoint = %name, "the controller is away and will be told later that the endpoint is gone");
                }
                Ok(())
            }
            other => other.map(|_| ()),
        };
        let mut failed = [told, unplugged, remembered].into_iter().filter_map(Result::err);
        match failed.next() {
            Some(first) => Err(Error::all(first, failed.collect())),
            None => Ok(()),
        }
    }

    /// Deletes the endpoint at the controller if it is this host's; answers whether there was one.
    pub(super) async fn unregister(&self, name: &Name) -> Result<bool, Error> {
        if self.endpoint_of_ours(name).await?.is_none() {
            return Ok(false);
        }
        match self.client.delete::<Written<Endpoint>>(&path(name), RETRACT).await {
            Ok(_) => Ok(true),
            Err(ClientError::Refused { status: 404, .. }) => Ok(false),
            Err(e) => Err(e.into()),
        }
    }

    /// The endpoint at the controller, if it leads to this host's device.
    pub(super) async fn endpoint_of_ours(&self, name: &Name) -> Result<Option<Endpoint>, Error> {
        let (path, silent) = (path(name), |_| ClientError::Unreachable {
            server: "the controller".into(),
            reason: format!("no answer within {} s", PATIENCE.as_secs()),
        });
        match timeout(PATIENCE, self.client.get::<Endpoint>(&path)).await.map_err(silent).flatten() {
            Ok(e) => Ok(Some(e).filter(|e| e.node == self.node && e.device == device_name(name))),
            // It is not there, or another host's.
            Err(ClientError::Refused { status: 403 | 404, .. }) => Ok(None),
            Err(e) => Err(e.into()),
        }
    }

    /// Removes the endpoint's device if it is there and ours.
    pub(super) async fn unplug(&self, name: &Name) -> Result<(), Error> {
        match self.netlink.device(&device_name(name)).await? {
            // Without a note it was left by a crash between making it and noting it.
            Some(device) if device.alias.as_ref().is_none_or(|a| *a == alias(name)) => {
                // Each is a change by itself, and the kernel would make both at once.
                self.netlink.down(&device).await?;
                vswitchd::settle(&self.ovs_db, DEVICE_DOWN).await;
                self.netlink.remove(&device).await
            }
            Some(device) => {
                let other = device.alias.unwrap_or_default();
                Err(Error::Conflict(format!("device {} belongs to {other}, not to endpoint {name}", device.name)))
            }
            None => Ok(()),
        }
    }
}

fn path(name: &Name) -> String {
    format!("/v1/endpoints/{name}")
}
