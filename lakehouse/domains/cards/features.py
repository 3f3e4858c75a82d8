"""The features of a transaction, in the model's order; `card_state` computes them."""

from __future__ import annotations

from typing import NamedTuple

HOUR, DAY, WEEK = 3_600, 86_400, 604_800
MISSING = -1.0
# The categories of the public simulation. A category that is not listed is counted as -1.
CATEGORIES = (
    "entertainment",
    "food_dining",
    "gas_transport",
    "grocery_net",
    "grocery_pos",
    "health_fitness",
    "home",
    "kids_pets",
    "misc_net",
    "misc_pos",
    "personal_care",
    "shopping_net",
    "shopping_pos",
    "travel",
)


class Feature(NamedTuple):
    """A feature: its name and what it says."""

    name: str
    doc: str


STATELESS = (
    Feature("amount", "amount of the transaction"),
    Feature("hour", "hour of the day, UTC"),
    Feature("weekday", "day of the week, Monday 0"),
    Feature("category_code", "position in the list of categories, -1 for another"),
    Feature("km_from_home", "kilometres from home to the merchant, -1 if unknown"),
    Feature("city_pop_thousands", "population of the cardholder's city, -1 if unknown"),
    Feature("age_years", "age of the cardholder, -1 if unknown"),
)
OF_THE_CARD = (
    Feature("count_1h", "transactions of the card in the last hour, this one included"),
    Feature("count_24h", "the same for 24 hours"),
    Feature("count_7d", "the same for 7 days"),
    Feature("sum_1h", "amount of the card in the last hour, this one included"),
    Feature("sum_24h", "the same for 24 hours"),
    Feature("sum_7d", "the same for 7 days"),
    Feature("km_from_last", "kilometres from the place of the previous transaction, -1 if none"),
    Feature("kmh_from_last", "speed that this distance takes, -1 if unknown"),
    Feature("seconds_since_last", "time since the previous transaction, -1 if none"),
    Feature("new_merchant", "1 for a merchant that the card has not met"),
    Feature("new_category", "1 for a category that the card has not met"),
    Feature("amount_to_habit", "amount over the card's mean amount until then, -1 if none"),
    Feature("amount_to_category", "the same within the category"),
    Feature("surprise", "how unusual the transaction is for the card"),
    Feature("surprise_max_24h", "the most unusual of the 24 hours before, -1 if none"),
    Feature("surprise_sum_24h", "how unusual these were together"),
    Feature("surprise_mean_3h", "how unusual those of the 3 hours before were, -1 if none"),
)
FEATURES = (*STATELESS, *OF_THE_CARD)
NAMES = tuple(one.name for one in FEATURES)
