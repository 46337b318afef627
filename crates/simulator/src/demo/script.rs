//! A day of channel life in three minutes, as data: the targets, and what happens when. Not how it
//! is played: see `mod.rs`.

use std::time::Duration;

use crate::fault::Fault;
use crate::meta::token::MetaToken;
use crate::whapi::message_fate::MessageFate;
use crate::whapi::status::WhapiStatus;

/// The script starts over after this time.
pub(super) const CYCLE: Duration = Duration::from_secs(180);

/// A channel of the demo.
#[derive(Debug)]
pub struct DemoChannel {
    /// The name to watch it under.
    pub name: &'static str,
    /// Its bearer token: made up, and good for nothing anywhere else.
    pub secret: &'static str,
    /// What it shows, in a sentence.
    pub story: &'static str,
    /// The status it begins with; none when the API does not know the channel at all.
    pub begins: Option<WhapiStatus>,
    /// How many seconds a start takes, in INIT and in LAUNCH.
    pub start: (f64, f64),
}

/// A token of the demo.
#[derive(Debug)]
pub struct DemoToken {
    /// The name to watch it under.
    pub name: &'static str,
    /// The token: made up, and good for nothing anywhere else.
    pub secret: &'static str,
    /// What it shows, in a sentence.
    pub story: &'static str,
    /// The app that inspects it; without one it inspects itself.
    pub app: Option<&'static DemoApp>,
    /// When it expires; none for never.
    pub expires: Option<Expiry>,
    /// How many real seconds after the start its data access ends; only a user's token has such an
    /// end.
    pub data_access_left: Option<u32>,
    /// A scope it was not granted.
    pub lacks: Option<&'static str>,
}

/// When a token expires, counted from the start of the demo.
#[derive(Debug, Clone, Copy)]
pub enum Expiry {
    /// Real seconds from the start.
    Left(u32),
    /// Real seconds before the start.
    Ago(u32),
    /// Seconds of the script, which pass faster when it is played faster.
    During(u32),
}

/// An app of the demo.
#[derive(Debug)]
pub struct DemoApp {
    /// Its id.
    pub id: &'static str,
    /// Its secret: made up.
    pub secret: &'static str,
    /// Its name.
    pub name: &'static str,
}

/// Something that happens to a target at a second of the script.
#[derive(Debug)]
pub(super) struct Cue {
    /// Seconds from the start of the cycle.
    pub(super) at: u32,
    /// The name of a channel, a token, or the line of a source.
    pub(super) target: &'static str,
    /// What happens to it.
    pub(super) act: Act,
}

/// What can happen.
#[derive(Debug)]
pub(super) enum Act {
    /// The channel changes to a status and stays there.
    Show(WhapiStatus),
    /// The channel starts: INIT, LAUNCH, and then AUTH, or QR without a linked phone.
    Launch,
    /// The channel reconnects too fast to be seen: only `start_at` changes.
    RestartUnseen,
    /// The channel is as new: NOT_INIT, and no phone linked.
    Forget,
    /// Somebody writes to the line.
    Receive,
    /// Somebody writes on the phone itself.
    SendByPhone,
    /// The application sends a message.
    Send(MessageFate),
    /// A webhook on messages holds none.
    TellNonsense,
    /// The API responds with this instead.
    Refuse(fn() -> Fault),
    /// The API responds as usual again.
    Recover,
    /// The token is invalidated, with Meta's subcode.
    Revoke(i64),
    /// The source's line changes to a state, in its provider's own word.
    Say(&'static str),
    /// The source's line is disconnected for good, for this reason.
    Disconnect(u16),
    /// The source lists its line, or does so no longer.
    List(bool),
}

const HOUR: u32 = 3600;
const DAY: u32 = 24 * HOUR;

/// The app of the demo, which inspects some of its tokens.
pub(super) const APP: DemoApp = DemoApp {
    id: MetaToken::APP_ID,
    secret: "demo-app-secret-not-a-real-one",
    name: "Lucky Shrub",
};

/// The channel whose webhooks come twice and out of order.
pub(super) const UNRULY: &str = "flappy";

/// The channel that says AUTH and delivers nothing: it has done so for 20 minutes.
pub(super) const STUCK: &str = "ghost";
pub(super) const STUCK_FOR: Duration = Duration::from_secs(20 * 60);

/// A status word that no list knows.
pub(super) const UNHEARD_OF: &str = "HIBERNATING";

/// The channels.
pub(super) const CHANNELS: &[DemoChannel] = &[
    DemoChannel {
        name: "sales",
        secret: "demoSalesNotARealToken0000000000",
        story: "Healthy; reconnects for 2-3 s once a minute, between two polls, so that only \
            webhooks see it; once so fast that only its start time shows it. Messages come and go; \
            one fails.",
        begins: Some(WhapiStatus::AUTH),
        start: (1.0, 1.5),
    },
    DemoChannel {
        name: "support",
        secret: "demoSupportNotARealToken00000000",
        story: "Logged out at 0:30: waits for its QR code, answers \"need channel authorization\" \
            for a while, is scanned at 1:50.",
        begins: Some(WhapiStatus::AUTH),
        start: (1.0, 1.5),
    },
    DemoChannel {
        name: "orders",
        secret: "demoOrdersNotARealToken000000000",
        story: "SYNC_ERROR from 0:50: still sends, cannot read; repaired by a logout and a new \
            login at 2:00.",
        begins: Some(WhapiStatus::AUTH),
        start: (1.0, 1.5),
    },
    DemoChannel {
        name: "trial",
        secret: "demoTrialNotARealToken0000000000",
        story: "Its trial ends at 0:20: STOP, then 402 \"Trial version limit exceeded\", until it \
            is paid for at 1:50.",
        begins: Some(WhapiStatus::AUTH),
        start: (2.0, 3.0),
    },
    DemoChannel {
        name: "flappy",
        secret: "demoFlappyNotARealToken000000000",
        story: "Cycles INIT, LAUNCH, AUTH every 20 s: an unstable session or proxy. Its webhooks \
            come twice and out of order.",
        begins: Some(WhapiStatus::AUTH),
        start: (4.0, 4.0),
    },
    DemoChannel {
        name: "newline",
        secret: "demoNewlineNotARealToken00000000",
        story: "Never launched; from 0:20 its first login: INIT, LAUNCH, QR, and AUTH at 1:20.",
        begins: Some(WhapiStatus::NOT_INIT),
        start: (15.0, 15.0),
    },
    DemoChannel {
        name: "broken",
        secret: "demoBrokenNotARealToken000000000",
        story: "ERROR; somebody restarts it at 2:00, in vain.",
        begins: Some(WhapiStatus::ERROR),
        start: (3.0, 30.0),
    },
    DemoChannel {
        name: "mystery",
        secret: "demoMysteryNotARealToken00000000",
        story: "From 1:10 to 2:10 it has a status that nobody has heard of.",
        begins: Some(WhapiStatus::AUTH),
        start: (1.0, 1.5),
    },
    DemoChannel {
        name: "ghost",
        secret: "demoGhostNotARealToken0000000000",
        story: "Says AUTH and delivers nothing: what the API accepts stays pending, since 20 \
            minutes before the demo began.",
        begins: Some(WhapiStatus::AUTH),
        start: (1.0, 1.5),
    },
    DemoChannel {
        name: "gone",
        secret: "demoGoneNotARealToken00000000000",
        story: "Its token is wrong: 404 \"Channel not found\".",
        begins: None,
        start: (1.0, 1.5),
    },
];

/// The tokens.
pub(super) const TOKENS: &[DemoToken] = &[
    DemoToken {
        name: "marketing",
        secret: "EAAdemoMarketingNotARealToken",
        story: "Healthy: a 60-day token with 43 days left.",
        app: Some(&APP),
        expires: Some(Expiry::Left(43 * DAY)),
        data_access_left: None,
        lacks: None,
    },
    DemoToken {
        name: "newsletter",
        secret: "EAAdemoNewsletterNotARealToken",
        story: "Expires in 5 days: renew it this week.",
        app: Some(&APP),
        expires: Some(Expiry::Left(5 * DAY + 4 * HOUR)),
        data_access_left: None,
        lacks: None,
    },
    DemoToken {
        name: "billing",
        secret: "EAAdemoBillingNotARealToken",
        story: "Expires in 30 hours: renew it now. It inspects itself.",
        app: None,
        expires: Some(Expiry::Left(30 * HOUR)),
        data_access_left: None,
        lacks: None,
    },
    DemoToken {
        name: "campaign",
        secret: "EAAdemoCampaignNotARealToken",
        story: "Expires while you watch, 4 minutes after the start. It inspects itself, which then \
            fails with 401.",
        app: None,
        expires: Some(Expiry::During(240)),
        data_access_left: None,
        lacks: None,
    },
    DemoToken {
        name: "legacy",
        secret: "EAAdemoLegacyNotARealToken",
        story: "Expired 3 days ago.",
        app: Some(&APP),
        expires: Some(Expiry::Ago(3 * DAY)),
        data_access_left: None,
        lacks: None,
    },
    DemoToken {
        name: "intern",
        secret: "EAAdemoInternNotARealToken",
        story: "Revoked at 0:40, weeks before its expiry: its owner changed the password.",
        app: Some(&APP),
        expires: Some(Expiry::Left(21 * DAY)),
        data_access_left: Some(60 * DAY),
        lacks: None,
    },
    DemoToken {
        name: "system",
        secret: "EAAdemoSystemNotARealToken",
        story: "Never expires: a system user's token. It inspects itself.",
        app: None,
        expires: None,
        data_access_left: None,
        lacks: None,
    },
    DemoToken {
        name: "reports",
        secret: "EAAdemoReportsNotARealToken",
        story: "Valid, but without the permission to send messages.",
        app: Some(&APP),
        expires: None,
        data_access_left: None,
        lacks: Some("whatsapp_business_messaging"),
    },
    DemoToken {
        name: "agent",
        secret: "EAAdemoAgentNotARealToken",
        story: "A user's token, good for 40 days, but its data access ends in 3.",
        app: Some(&APP),
        expires: Some(Expiry::Left(40 * DAY)),
        data_access_left: Some(3 * DAY),
        lacks: None,
    },
];

const fn cue(at: u32, target: &'static str, act: Act) -> Cue {
    Cue { at, target, act }
}

/// What happens, in the order of time.
pub(super) const TIMELINE: &[Cue] = &[
    cue(5, "sales", Act::Receive),
    cue(6, "sales", Act::Send(MessageFate::Read)),
    cue(10, "flappy", Act::Launch),
    cue(12, "flappy", Act::Receive),
    cue(15, "booking", Act::Say("close")),
    cue(16, "booking", Act::Say("connecting")),
    cue(18, "booking", Act::Say("open")),
    cue(20, "trial", Act::Show(WhapiStatus::STOP)),
    cue(20, "newline", Act::Launch),
    cue(25, "sales", Act::Launch),
    cue(25, "courier", Act::Say("yellowCard")),
    cue(28, "ghost", Act::Send(MessageFate::Stuck)),
    cue(30, "flappy", Act::Launch),
    cue(30, "support", Act::Show(WhapiStatus::QR)),
    cue(30, "hotline", Act::Say("YELLOW")),
    cue(35, "franchise", Act::List(true)),
    cue(40, "kiosk", Act::Say("SCAN_QR_CODE")),
    cue(40, "intern", Act::Revoke(460)),
    cue(40, "sales", Act::Receive),
    cue(42, "sales", Act::Send(MessageFate::Read)),
    cue(48, "flappy", Act::Send(MessageFate::Read)),
    cue(50, "flappy", Act::Launch),
    cue(50, "orders", Act::Show(WhapiStatus::SYNC_ERROR)),
    cue(50, "hotline", Act::Say("RED")),
    cue(55, "sales", Act::RestartUnseen),
    cue(60, "support", Act::Refuse(Fault::session_unauthorized)),
    cue(60, "trial", Act::Refuse(Fault::payment_required)),
    cue(65, "sales", Act::SendByPhone),
    cue(70, "flappy", Act::Launch),
    cue(70, "mystery", Act::Show(WhapiStatus::constant(UNHEARD_OF, Some(42)))),
    cue(70, "courier", Act::Say("authorized")),
    cue(72, "sales", Act::Send(MessageFate::Failed)),
    cue(75, "booking", Act::Disconnect(401)),
    cue(75, "support", Act::Recover),
    cue(80, "newline", Act::Show(WhapiStatus::AUTH)),
    cue(80, "hotline", Act::Say("BLOCKED")),
    cue(85, "sales", Act::Launch),
    cue(88, "ghost", Act::Send(MessageFate::Stuck)),
    cue(90, "flappy", Act::Launch),
    cue(95, "flappy", Act::TellNonsense),
    cue(100, "kiosk", Act::Say("STARTING")),
    cue(100, "sales", Act::Receive),
    cue(102, "sales", Act::Send(MessageFate::Read)),
    cue(104, "kiosk", Act::Say("WORKING")),
    cue(105, "trial", Act::Recover),
    cue(110, "flappy", Act::Launch),
    cue(110, "support", Act::Show(WhapiStatus::AUTH)),
    cue(110, "trial", Act::Launch),
    cue(115, "courier", Act::Say("sleepMode")),
    cue(120, "orders", Act::Show(WhapiStatus::QR)),
    cue(120, "broken", Act::Launch),
    cue(120, "hotline", Act::Say("GREEN")),
    cue(125, "booking", Act::Say("connecting")),
    cue(127, "booking", Act::Say("open")),
    cue(128, "flappy", Act::Send(MessageFate::Read)),
    cue(130, "broken", Act::Show(WhapiStatus::ERROR)),
    cue(130, "flappy", Act::Launch),
    cue(130, "mystery", Act::Show(WhapiStatus::AUTH)),
    cue(135, "orders", Act::Show(WhapiStatus::AUTH)),
    cue(140, "courier", Act::Say("authorized")),
    cue(145, "sales", Act::Launch),
    cue(150, "flappy", Act::Launch),
    cue(150, "franchise", Act::List(false)),
    cue(150, "sales", Act::Receive),
    cue(155, "sales", Act::Send(MessageFate::Read)),
    cue(165, "newline", Act::Forget),
    cue(170, "flappy", Act::Launch),
];
