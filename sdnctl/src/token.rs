//! `sdnctl token`

use api::{List, TokenCreate, TokenMade, TokenStatus};
use serde::de::IgnoredAny;

use crate::{
    cli::{Remote, TokenVerb},
    output::{print, show, table},
};

pub async fn run(remote: &Remote, verb: TokenVerb) -> anyhow::Result<()> {
    match verb {
        TokenVerb::Create { ttl } => {
            let asked = TokenCreate { ttl_seconds: ttl.as_secs_f64() };
            let made: TokenMade = remote.client.post("/v1/tokens", &asked, remote.write).await?;
            // Nothing else: it is for a command line.
            show(remote, &made, |made| print(&format!("{}\n", made.token)))
        }
        TokenVerb::Ls => {
            let list: List<TokenStatus> = remote.client.get("/v1/tokens").await?;
            show(remote, &list, |list| {
                let state = |expired| if expired { "expired" } else { "good" }.to_owned();
                let row = |token: &TokenStatus| [token.name.clone(), token.expires.clone(), state(token.expired)];
                table(["NAME", "EXPIRES", "STATE"], list.items.iter().map(row))
            })
        }
        TokenVerb::Rm { name } => {
            remote.client.delete::<IgnoredAny>(&format!("/v1/tokens/{name}"), remote.write).await?;
            print(&format!("revoked {name}\n"))
        }
    }
}
