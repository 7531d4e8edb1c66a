//! Asks switches for a word when the core wants one.

use api::Name;
use tokio::sync::mpsc;

use super::Switches;
use crate::runtime::{CoreHandle, Event};

/// Asks the switches of these nodes, as far as they have a session, and tells the core of those that answer.
pub async fn serve(mut nodes: mpsc::UnboundedReceiver<Name>, switches: Switches, core: CoreHandle) {
    while let Some(node) = nodes.recv().await {
        let Some((_, session)) = switches.get(&node) else { continue };
        let core = core.clone();
        tokio::spawn(async move {
            if session.answers().await {
                core.tell(Event::Word(node));
            }
        });
    }
}
