//! `sdnctl ovsdb transact`.

use anyhow::{Context, bail};
use clap::Args;
use ovsdb::json::parse;
use serde_json::{Value, json};

use super::DEPTH;
use super::remote::Target;
use super::wire::Wire;

/// Sends a transaction as it is and prints the answer.
#[derive(Args)]
pub struct Transact {
    #[command(flatten)]
    target: Target,
    /// The params of the request: ["DATABASE", OPERATION, ...], or one operation.
    transaction: String,
}

impl Transact {
    /// Does it; an error if the server refused the transaction.
    pub async fn run(&self) -> anyhow::Result<()> {
        let params = self.params()?;
        let result = Wire::new(self.target.stream().await?).call("transact", params).await?;
        super::print(&format!("{result}\n"))?;
        let failed = |item: &Value| item.get("error").is_some_and(|error| !error.is_null());
        match result.as_array().is_some_and(|items| items.iter().any(failed)) {
            true => bail!("the transaction did not happen"),
            false => Ok(()),
        }
    }

    fn params(&self) -> anyhow::Result<Vec<Value>> {
        let text = format!("{{\"params\":{}}}", self.transaction);
        let mut read = parse(text.as_bytes(), DEPTH).context("the transaction is not JSON")?;
        match read.get_mut("params").map(Value::take) {
            Some(Value::Array(params)) => Ok(params),
            Some(operation @ Value::Object(_)) => Ok(vec![json!(self.target.database), operation]),
            _ => bail!("the transaction is neither an array nor an operation"),
        }
    }
}
