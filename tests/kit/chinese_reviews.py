"""Reviews in Chinese, which has no blanks between words: each clause is one run of characters, and hardly ever recurs."""

import random

import numpy as np

_WHEN = "昨天 上周末 今年春天 前几天晚上 国庆假期 下班以后 第二次看时 睡觉之前 路过这里时 雨停以后".split()
_WHO = "我和朋友 我们全家 同事们 我妈妈 老同学 邻居 女儿 一位陌生人 身边的观众 旁边那桌客人".split()
_WHERE = "在电影院里 在家里 在网上 在飞机上 在火车上 在市中心 在海边 在学校旁 在小巷子里 在二楼".split()
_THINGS = "这部电影 它的剧情 演员的表演 配乐 摄影 结尾 导演的手法 对白 整个故事 节奏".split()
_DEGREE = "真的 确实 实在 从头到尾 总体来说 一直 越来越 比预想的 多少有些 完全".split()
_GOOD = "非常精彩 让人感动 温暖又有趣 令人难忘 值得推荐 出色极了".split()
_BAD = "十分无聊 让人失望 拖沓又沉闷 毫无新意 浪费时间 糟糕透了".split()


def make_chinese(count: int, seed: int = 0) -> tuple[list[str], np.ndarray]:
    """Make `count` different reviews and their labels, half of them positive."""
    rng = random.Random(seed)
    labels = np.array([index % 2 for index in range(count)])

    def review(verdicts: list[str]) -> str:
        slots = (_WHEN, _WHO, _WHERE, _THINGS, _DEGREE, verdicts)
        return "".join("".join(map(rng.choice, slots)) + rng.choice("。…、") for _ in range(rng.randint(2, 4)))

    return [review(_GOOD if label else _BAD) for label in labels], labels
