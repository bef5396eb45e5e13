"""What is agreed with one upper platform and stands in no published text: `platforms: <name>: profile:` in `systems/_city.yml`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, ValidationError

from schemas.city import City
from schemas.documents import Closed
from schemas.errors import RegistrationError


class Refusal(Closed):
    """What to do about one refusal code of the platform."""

    next_zh: str
    next_en: str = ""
    full: bool = False  # the two sides no longer agree on a base: the next package is a full one


class CatalogueWords(Closed):
    """How the platform writes what the guide (政务信息资源目录编制指南) names; without an entry the guide's own word stands."""

    share_type: dict[str, str] = Field(default_factory=dict)
    cycle: dict[str, str] = Field(default_factory=dict)
    item_type: dict[str, str] = Field(default_factory=dict)
    classes: dict[str, str] = Field(default_factory=dict)  # 类项目 code -> its path in the platform's tree
    format: str = "数据库"
    way: str = "共享平台方式/数据库"


class Profile(Closed):
    withdrawal: Literal["deletions", "notice"] = "deletions"  # how it learns that it may hold a resource no longer
    catalogue: CatalogueWords = Field(default_factory=CatalogueWords)
    refusals: dict[str, Refusal] = Field(default_factory=dict)


UNKNOWN = Refusal(
    next_zh="联系平台运维，按退回原因处理后重新报送",
    next_en="ask the platform's operator, mend what the reason names, then deliver again",
)


def profile(city: City, platform: str) -> Profile:
    try:
        return Profile.model_validate(city.settings.platforms[platform].profile)
    except ValidationError as error:
        places = "、".join(".".join(map(str, e["loc"])) for e in error.errors())
        raise RegistrationError(
            f"systems/_city.yml 的 platforms.{platform}.profile 有误：{places}",
            f"platforms.{platform}.profile in systems/_city.yml is wrong at: {places}",
            next_zh="修改 systems/_city.yml",
            next_en="edit systems/_city.yml",
        ) from None


def refusal(city: City, platform: str, code: str) -> Refusal:
    """The next step for a refusal code; an unknown code goes to the platform's operator."""
    return profile(city, platform).refusals.get(code, UNKNOWN)
