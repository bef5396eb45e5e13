"""Names that nobody need have: surnames by their share, given names by chance.

    how many, men or women, ethnic group  ->  names

Some names hold characters that GB 2312 and even the BMP lack, as real ones do.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

_SURNAMES = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕苏卢蒋蔡贾丁魏薛叶阎余潘杜戴夏钟汪田任姜范方石姚谭廖邹熊金陆郝孔白崔康毛邱秦江史顾侯邵孟龙万段雷钱汤尹黎易常武乔贺赖龚文"
_COMPOUND = ["欧阳", "司马", "上官", "诸葛", "夏侯", "东方", "皇甫", "尉迟"]
_MEN = "伟强磊军洋勇杰涛明超刚平辉鹏华飞鑫波斌宇浩凯建国文志海峰新林龙庆东亮晨旭阳博轩泽睿航宁彬栋豪俊哲帆瑞成永兴福生德贵根喜中原"
_WOMEN = "芳娜敏静丽艳娟霞秀英兰玲燕红桂花梅莉萍洁云琴凤雪琳晶倩颖婷慧怡佳欣雨涵梓萱思语嘉雯诗妍玉珍爱莲香翠巧月春菊荣淑贞"
_RARE = ["𠮷", "𬱖", "㛃", "䶮", "𣲗", "堃", "犇", "喆", "𫖯", "翀"]
_DOTTED = ["买买提", "艾力", "吐尔逊", "阿迪力", "卡德尔", "热合曼", "依明", "古丽娜尔", "阿依努尔", "帕提古丽", "阿不都热依木", "玉素甫"]
RARE_SHARE = 0.003

Rng = np.random.Generator


def names(rng: Rng, male: npt.NDArray[np.bool_], ethnicity: npt.NDArray[Any]) -> pa.Array:
    """One name a person: some with characters beyond GB 2312, dotted ones for the Uygur (05)."""
    rows = len(male)
    surnames = np.array([*_SURNAMES, *_COMPOUND], dtype=object)
    weights = 1 / (np.arange(len(surnames)) + 6.0)
    family = surnames[rng.choice(len(surnames), rows, p=weights / weights.sum())]
    second, third = _given(rng, male), _given(rng, male)
    rare = rng.random(rows) < RARE_SHARE
    second[rare] = np.array(_RARE, dtype=object)[rng.integers(0, len(_RARE), int(rare.sum()))]
    third[rng.random(rows) < 0.22] = ""
    made = family + second + third
    dotted = np.flatnonzero(ethnicity == "05")
    parts = np.array(_DOTTED, dtype=object)
    made[dotted] = parts[rng.integers(0, len(parts), len(dotted))] + "·" + parts[rng.integers(0, 8, len(dotted))]
    return pa.array(made, pa.string())


def _given(rng: Rng, male: npt.NDArray[np.bool_]) -> npt.NDArray[Any]:
    men, women = np.array(list(_MEN), dtype=object), np.array(list(_WOMEN), dtype=object)
    return np.where(male, men[rng.integers(0, len(men), len(male))], women[rng.integers(0, len(women), len(male))])
