//! The demo's sources, as data: a server or a partner of each provider that lists its lines. Not
//! what happens to the lines, which is in the timeline of `script.rs`, nor how it is played.

use std::time::{Duration, SystemTime};

use crate::evolution::webhook::EvolutionWebhook;
use crate::evolution::{EvolutionInstance, EvolutionServer};
use crate::green_api::GreenApiInstance;
use crate::meta::account::{MetaAccount, MetaNumber};
use crate::meta::analytics::MetaHalfHour;
use crate::meta::token::MetaToken;
use crate::simulator::Simulator;
use crate::unix_time::{rfc3339, unix_seconds};
use crate::waha::WahaServer;
use crate::whapi::channel::WhapiChannel;
use crate::whapi::partner::WhapiPartner;

/// A source of the demo.
#[derive(Debug)]
pub struct DemoSource {
    /// The name to watch it under.
    pub name: &'static str,
    /// The provider, as the exporter's settings call it.
    pub provider: &'static str,
    /// Its API key or partner token: made up, and good for nothing anywhere else.
    pub secret: &'static str,
    /// Its line, which the demo tells of.
    pub line: DemoLine,
    kind: Kind,
}

impl DemoSource {
    /// Its own keys in the exporter's settings file, each on a line.
    pub fn settings(&self) -> &'static str {
        match self.kind {
            Kind::Meta { .. } => "    analytics: true\n",
            _ => "",
        }
    }
}

/// The line that a source of the demo lists.
#[derive(Debug)]
pub struct DemoLine {
    /// The name to watch it under.
    pub name: &'static str,
    /// Its id in the list.
    pub id: &'static str,
    /// What it shows, in a sentence.
    pub story: &'static str,
}

/// How the simulator plays it; hosted lines have tokens of their own.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Waha,
    Evolution,
    GreenApi { token: &'static str },
    WhapiPartner { token: &'static str },
    Meta { account: &'static str },
}

/// The sources.
pub(super) const SOURCES: &[DemoSource] = &[
    DemoSource {
        name: "waha",
        provider: "waha",
        secret: "demoWahaKeyNotARealOne0000000000",
        line: DemoLine {
            name: "kiosk",
            id: "kiosk",
            story: "Logged out at 0:40: SCAN_QR_CODE, until it is scanned at 1:40.",
        },
        kind: Kind::Waha,
    },
    DemoSource {
        name: "evolution",
        provider: "evolution",
        secret: "demoEvolutionKeyNotARealOne00000",
        line: DemoLine {
            name: "booking",
            id: "booking",
            story: "Reconnects at 0:15 within 3 s, seen by its webhooks alone; logged out for good \
                at 1:15, linked again at 2:05.",
        },
        kind: Kind::Evolution,
    },
    DemoSource {
        name: "green-partner",
        provider: "green_api",
        secret: "demoGreenPartnerNotARealToken000",
        line: DemoLine {
            name: "courier",
            id: "1101000001",
            story: "A yellowCard from 0:25 to 1:10, which still sends; sleepMode from 1:55 to \
                2:20: its phone is off.",
        },
        kind: Kind::GreenApi { token: "demoGreenCourierNotARealToken000" },
    },
    DemoSource {
        name: "whapi-partner",
        provider: "whapi",
        secret: "demoWhapiPartnerNotARealToken000",
        line: DemoLine {
            name: "franchise",
            id: "DEMOPA-FRANC",
            story: "Discovered at 0:35, when the partner creates it, and gone at 2:30, when it is \
                deleted.",
        },
        kind: Kind::WhapiPartner { token: "demoFranchiseNotARealToken000000" },
    },
    DemoSource {
        name: "cloud",
        provider: "meta",
        secret: "EAAGdemoCloudNotARealToken",
        line: DemoLine {
            name: "hotline",
            id: "106540352242922",
            story: "A Cloud API number whose quality falls to YELLOW at 0:30 and RED at 0:50; \
                blocked from 1:20 to 2:00, when a payment method is added. A template is paused \
                meanwhile.",
        },
        kind: Kind::Meta { account: "102290129340398" },
    },
];

/// What is left of the subscriptions.
const SUBSCRIPTION: Duration = Duration::from_secs(43 * 86_400 + 3600);

impl DemoSource {
    /// Sets it on the simulator, as it is when the demo begins.
    pub(super) fn set(&self, sim: &Simulator) {
        let DemoSource { name, secret, line, .. } = self;
        match self.kind {
            Kind::Waha => {
                sim.set_waha_server(secret, WahaServer::new(name).with_session(line.id, "WORKING"));
            }
            Kind::Evolution => {
                let instance = EvolutionInstance::new("open");
                let server = EvolutionServer::new(name).with_instance(line.id, instance);
                sim.set_evolution_server(secret, server);
            }
            Kind::GreenApi { token } => {
                let id = line.id.parse().unwrap_or_default();
                let mut instance = GreenApiInstance::new(id, "authorized");
                let end = rfc3339(SystemTime::now() + SUBSCRIPTION);
                instance.expiration_date = end.trim_end_matches(".000Z").to_owned();
                sim.set_green_api_instance(token, instance);
                sim.set_green_api_partner(secret, name, &[token]);
            }
            Kind::WhapiPartner { token } => {
                let mut channel = WhapiChannel::new(line.name);
                channel.channel_id = line.id.to_owned();
                channel.active_till_millis = 1000 * unix_seconds(SystemTime::now() + SUBSCRIPTION);
                sim.set_channel(token, channel);
                let mut partner = WhapiPartner::new(name);
                // The real ones have a slash at the end.
                partner.api_url = Some(format!("{}/", sim.url()));
                sim.set_whapi_partner(secret, partner);
            }
            Kind::Meta { account } => {
                sim.set_token(secret, MetaToken::new(name).managing(&[account]));
                let now = unix_seconds(SystemTime::now());
                let half_hours = MetaHalfHour::last(now, &[(40, 31), (120, 117), (95, 95)]);
                let number = MetaNumber { half_hours, ..MetaNumber::default() };
                sim.set_account(MetaAccount::new(account).with_number(line.id, number));
            }
        }
    }

    /// Moves its line to this state, in the provider's own word.
    pub(super) fn say(&self, sim: &Simulator, word: &str) {
        match self.kind {
            Kind::Waha => {
                sim.update_waha_server(self.secret, |server| {
                    server.sessions.insert(self.line.id.to_owned(), word.to_owned());
                });
            }
            Kind::Evolution => {
                sim.update_evolution_server(self.secret, |server| {
                    server.connect(self.line.id, word);
                });
            }
            Kind::GreenApi { token } => {
                sim.set_green_api_state(token, word);
            }
            Kind::Meta { account } => {
                sim.update_account(account, |account| {
                    let number = account.numbers.entry(self.line.id.to_owned()).or_default();
                    if word == "BLOCKED" {
                        let solution = "Add a payment method in the Business settings.";
                        *number = std::mem::take(number).blocked("BUSINESS", 141_006, solution);
                    } else {
                        *number = MetaNumber {
                            quality: word.to_owned(),
                            half_hours: std::mem::take(&mut number.half_hours),
                            ..MetaNumber::default()
                        };
                    }
                    account.templates.retain(|(status, _)| status == "APPROVED");
                    if word != "GREEN" {
                        account.templates.push(("PAUSED".to_owned(), "MARKETING".to_owned()));
                    }
                });
            }
            // Its channel has a script of its own words.
            Kind::WhapiPartner { .. } => {}
        }
    }

    /// Disconnects its line for good, for this reason.
    pub(super) fn disconnect(&self, sim: &Simulator, reason: u16) {
        if matches!(self.kind, Kind::Evolution) {
            sim.update_evolution_server(self.secret, |server| {
                server.disconnect(self.line.id, reason);
            });
        }
    }

    /// Lists its line from now on, or no longer.
    pub(super) fn list(&self, sim: &Simulator, listed: bool) {
        if let Kind::WhapiPartner { token } = self.kind {
            sim.update_whapi_partner(self.secret, |partner| {
                partner.channels = listed.then(|| token.to_owned()).into_iter().collect();
            });
        }
    }

    /// Has it send webhooks to the receiver for its provider at this monitor, with this header.
    pub(super) fn send_webhooks_to(&self, sim: &Simulator, monitor: &str, header: (&str, &str)) {
        if matches!(self.kind, Kind::Evolution) {
            let webhook = EvolutionWebhook {
                url: format!("{monitor}/webhook/{}", self.provider),
                headers: vec![(header.0.to_owned(), header.1.to_owned())],
            };
            sim.update_evolution_server(self.secret, |server| server.webhook = Some(webhook));
        }
    }
}
