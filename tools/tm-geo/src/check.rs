//! `tm-geo --check`: the databases, and whether the providers answer.

use tm_enrich::check::{self, NOBODY};
use tm_stream::finding::{Finding, State};
use tm_stream::{Diagnostics, folders};

use crate::client::Client;
use crate::databases;
use crate::flags::Flags;
use crate::provider::{Endpoint, Failure, Provider, Server, answers};

/// Everything that the flags allow to be asked.
pub(crate) fn findings(flags: &Flags) -> Vec<Finding> {
    let paths = databases::choice(&flags.mmdb, &Diagnostics::silent()).paths;
    let mut all: Vec<_> = paths.iter().map(|path| check::database(path)).collect();
    if paths.is_empty() {
        all.push(none());
    }
    let allowed = flags.api.allowed();
    let remote = allowed.into_iter().filter(|provider| provider.is_remote());
    let servers: Vec<_> = remote.map(|provider| Server::new(provider, &flags.api)).collect();
    let asked = check::run(async {
        let client = Client::default();
        let mut all = Vec::new();
        for server in &servers {
            all.push(provider(server, &client, flags).await);
        }
        Ok(all)
    });
    all.extend(asked.unwrap_or_default());
    all
}

fn none() -> Finding {
    let folder = folders::data().map(|folder| folder.display().to_string());
    let remedy =
        format!("put a database into {}; see docs/geo.md", folder.as_deref().unwrap_or("--mmdb"));
    let detail = "none, so providers are asked, and places are read out of names";
    Finding::new("place database", State::Warning, detail).with_remedy(remedy)
}

/// Asks about an address that is nobody's: any answer will do.
async fn provider(server: &Server, client: &Client, flags: &Flags) -> Finding {
    let endpoint = match server.provider {
        Provider::IpApi => Endpoint::Single,
        _ => Endpoint::Ipapi,
    };
    let (url, body) = server.request(endpoint, &[NOBODY.into()]);
    let reply = client.ask(&url, body, flags.api.timeout).await.map_err(Failure::Down);
    let answer = reply.and_then(|reply| answers(endpoint, &reply, Some(NOBODY.into())));
    let subject = format!("provider {}", server.source());
    match answer {
        Ok(_) if server.is_unencrypted() => {
            Finding::new(subject, State::Ok, "answers, over http: others can read along")
        }
        Ok(_) => Finding::new(subject, State::Ok, "answers"),
        Err(Failure::Busy(..)) => {
            Finding::new(subject, State::Warning, "takes no more questions for now")
        }
        Err(Failure::Down(why)) => {
            Finding::new(subject, State::Bad, format!("does not answer: {why}"))
                .with_remedy("use a database; see docs/geo.md")
        }
    }
}
