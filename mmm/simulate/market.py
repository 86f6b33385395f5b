"""The market of the synthetic company: its channels, what each one truly does, how it is spelled.

A channel can do two things. It can *create* a lead: each touch on an account that is not a lead yet
fills in a form with `form_probability`. And it can *persuade*: its touches between lead and
decision raise the log odds of a won deal by up to `persuasion`. A touch that merely carries a
decision already taken (a search for the brand, a direct visit) does neither.
"""

from dataclasses import dataclass

Spelling = tuple[str, str, float]


@dataclass(frozen=True)
class Channel:
    """One marketing channel and its true effects.

    Attributes
    ----------
    name : str
        Channel name.
    paid : bool
        Whether the channel has weekly media spend.
    cold_rate : float
        Touches per account and week before the lead, at average spend.
    form_probability : float
        Probability that one such touch makes the account a lead.
    nurture_rate : float
        Touches per account and 30 days between lead and decision.
    persuasion : float
        Largest gain in the log odds of winning, reached with many such touches.
    spellings : tuple of (source, medium, weight)
        How web analytics names the channel.
    campaigns : tuple of str
        Campaign names of its touches; empty where there are none.
    content : str
        Content of an ordinary touch.
    form : str
        Content of the touch that creates a lead.
    crm_label : str
        How the CRM writes the source of a lead.
    """

    name: str
    paid: bool
    cold_rate: float
    form_probability: float
    nurture_rate: float
    persuasion: float
    spellings: tuple[Spelling, ...]
    campaigns: tuple[str, ...]
    content: str
    form: str
    crm_label: str


CHANNELS: tuple[Channel, ...] = (
    Channel(
        "Paid search", True, 0.060, 0.10, 0.10, 0.12,
        (("google", "cpc", 0.8), ("bing", "cpc", 0.2)),
        ("generic-packaging-lines", "generic-maintenance"), "text-ad", "contact-form",
        "google / cpc",
    ),
    Channel(
        "Organic search", False, 0.070, 0.04, 0.25, 0.15,
        (("google", "organic", 0.9), ("bing", "organic", 0.1)),
        (), "article", "contact-form", "google / organic",
    ),
    Channel(
        "Paid social", True, 0.090, 0.025, 0.25, 0.2,
        (("linkedin", "paid_social", 0.7), ("linkedin", "cpc", 0.3)),
        ("plant-managers", "energy-saving"), "sponsored-post", "lead-form", "linkedin / paid",
    ),
    Channel(
        "Organic social", False, 0.040, 0.012, 0.10, 0.06,
        (("linkedin", "social", 1.0),),
        (), "post", "contact-form", "linkedin / social",
    ),
    Channel(
        "Display", True, 0.080, 0.003, 0.30, 0.05,
        (("google", "display", 1.0),),
        ("awareness", "retargeting"), "banner", "contact-form", "google / display",
    ),
    Channel(
        "Email", False, 0.040, 0.008, 0.80, 0.25,
        (("newsletter", "email", 0.8), ("crm", "email", 0.2)),
        ("monthly-news", "product-update"), "click", "contact-form", "newsletter / email",
    ),
    Channel(
        "Events", True, 0.020, 0.35, 0.08, 0.55,
        (("event", "offline", 1.0),),
        ("spring-fair", "autumn-fair", "open-factory"), "stand-visit", "badge-scan", "Fiera",
    ),
    Channel(
        "Webinar", False, 0.020, 0.30, 0.12, 0.45,
        (("webinar", "webinar", 1.0),),
        ("line-efficiency", "safety-rules"), "attended", "registration", "Webinar",
    ),
    Channel(
        "Partner", True, 0.012, 0.35, 0.05, 0.35,
        (("partner", "referral", 1.0),),
        (), "introduction", "introduction", "partner / referral",
    ),
    Channel(
        "Direct", False, 0.030, 0.0, 0.0, 0.0,
        (("(direct)", "(none)", 1.0),),
        (), "visit", "contact-form", "(direct) / (none)",
    ),
)  # fmt: skip

NAMES: tuple[str, ...] = tuple(channel.name for channel in CHANNELS)
PAID: tuple[str, ...] = tuple(channel.name for channel in CHANNELS if channel.paid)

# Where people who already want to buy come in: the share of each carrier among such touches.
CAPTURE: dict[str, float] = {"Direct": 0.45, "Paid search": 0.35, "Organic search": 0.20}
BRAND_CAMPAIGN = "brand"

# Labels that a CRM holds beside the channels' own.
FIELD_LABEL = "Telefono"
OTHER_LABEL = "Altro"
