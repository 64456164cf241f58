"""Captions in Japanese and Chinese: no spaces between words, a counter with every number, modifiers before nouns."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import NamedTuple

from .drawing import pick

Words = Mapping[str, tuple[str, ...]]


class Wording(NamedTuple):
    """What a caption of one language is made of; braces stand for what is filled in.

    Attributes
    ----------
    nouns : kind -> the counter of its words, and the words, the plainest first
    vague : counter -> word -> kinds that it may mean
    counts : number -> forms with the counter in braces
    colours, sizes, sides, places, times : name -> words
    far : words for what is far away
    links : forms of two things in one breath
    below, above : forms of two things, the second below or above the first
    openings, settings, remarks, absent : forms of the whole
    """

    nouns: Mapping[str, tuple[str, tuple[str, ...]]]
    vague: Mapping[str, Words]
    counts: Mapping[int, tuple[str, ...]]
    colours: Words
    sizes: Words
    far: tuple[str, ...]
    sides: Words
    links: tuple[str, ...]
    below: tuple[str, ...]
    above: tuple[str, ...]
    times: Words
    places: Words
    settings: tuple[str, ...]
    openings: tuple[str, ...]
    remarks: tuple[str, ...]
    absent: tuple[str, ...]

    @property
    def class_names(self) -> tuple[str, ...]:
        """The plainest word of every kind, in the order of the tables."""
        return tuple(words[0] for _, words in self.nouns.values())


JAPANESE = Wording(
    nouns={
        "sun": ("つ", ("太陽", "太陽", "お日さま", "日差し")),
        "moon": ("つ", ("月", "月", "お月さま", "三日月", "半月")),
        "star": ("つ", ("星", "星", "流れ星", "お星さま")),
        "cloud": ("つ", ("雲", "雲", "わた雲", "雨雲", "入道雲")),
        "balloon": ("つ", ("気球", "気球", "熱気球", "飛行船", "バルーン")),
        "plane": ("機", ("飛行機", "飛行機", "ジェット機", "旅客機", "航空機")),
        "kite": ("枚", ("凧", "凧", "たこ", "カイト")),
        "bird": ("羽", ("鳥", "カモメ", "スズメ", "ツバメ", "小鳥")),
        "boat": ("隻", ("船", "ヨット", "帆船", "小舟", "汽船", "ボート")),
        "whale": ("頭", ("クジラ", "クジラ", "鯨", "ザトウクジラ")),
        "fish": ("匹", ("魚", "魚", "お魚", "マス", "ニシン", "金魚")),
        "house": ("軒", ("家", "小屋", "山小屋", "農家", "おうち")),
        "tree": ("本", ("木", "樫の木", "松の木", "もみの木", "りんごの木", "白樺")),
        "flower": ("輪", ("花", "チューリップ", "ヒナギク", "野の花", "お花")),
        "car": ("台", ("車", "車", "自動車", "乗用車", "クルマ")),
        "cat": ("匹", ("猫", "猫", "ネコ", "子猫", "ニャンコ")),
    },
    vague={
        "つ": {
            "空に浮かぶもの": ("sun", "moon", "star", "cloud", "balloon", "plane", "kite"),
            "空の光": ("sun", "moon", "star"),
            "乗り物": ("balloon", "plane", "boat", "car"),
            "おもちゃ": ("kite", "boat", "car"),
            "建物": ("house",),
        },
        "匹": {"動物": ("bird", "whale", "fish", "cat"), "生き物": ("bird", "whale", "fish", "cat")},
        "本": {"植物": ("tree", "flower")},
    },
    counts={
        1: ("", "", "", "", "一{}の", "その"),
        2: ("二{}の", "二{}の", "2{}の"),
        3: ("三{}の", "三{}の", "3{}の"),
        4: ("四{}の", "四{}の", "4{}の"),
    },
    colours={
        "red": ("赤い",),
        "orange": ("オレンジ色の", "だいだい色の"),
        "yellow": ("黄色い",),
        "green": ("緑の", "緑色の"),
        "blue": ("青い",),
        "purple": ("紫の", "紫色の"),
        "pink": ("ピンクの", "桃色の"),
        "brown": ("茶色の", "茶色い"),
        "white": ("白い", "真っ白な"),
        "grey": ("灰色の", "グレーの"),
        "black": ("黒い", "真っ黒な"),
    },
    sizes={"small": ("小さな", "小さい", "ちいさな"), "large": ("大きな", "大きい")},
    far=("遠くの", "はるか遠くの", "奥の"),
    sides={"left": ("左の", "左側の"), "middle": ("真ん中の", "中央の"), "right": ("右の", "右側の")},
    links=("{}と{}", "{}と{}", "{}、それに{}", "{}、そして{}", "{}、そばに{}", "{}、となりに{}"),
    below=("{}、その下に{}",),
    above=("{}、その上に{}",),
    times={
        "day": ("昼", "よく晴れた日", "昼間", "明るい午前"),
        "dusk": ("夕方", "夕暮れ", "日没のころ", "日の沈むころ"),
        "night": ("夜", "真夜中", "星空の夜", "静かな夜"),
    },
    places={
        "sea": ("海辺", "海", "海岸", "入り江", "港"),
        "field": ("野原", "草原", "田舎", "丘", "川べり"),
    },
    settings=("{time}の{place}、{text}", "{time}、{text}", "{place}で、{text}", "{text}、{time}の{place}で"),
    openings=(
        "{}",
        "{}",
        "{}",
        "{}が見える",
        "ほら、{}",
        "{}の風景",
        "{}を見つけた",
        "{}の絵",
        "{}だけ",
    ),
    remarks=(
        "とても静かだった",
        "旅行中に撮った一枚",
        "加工なし",
        "お気に入り",
        "妹が描いた",
        "家族のアルバムから",
        "思わず笑顔になった",
        "何時間でもいられそう",
        "天気に恵まれた",
        "おばあちゃんの部屋に飾る",
        "二回目の挑戦",
        "帰り道で",
        "夢のようだった",
        "早起きしたかいがあった",
        "去年の写真",
        "最高の一週間",
    ),
    absent=(
        "{}は見当たらない",
        "{}を待っていたのに",
        "どこか{}に似ている",
        "みんなで{}の話をした日",
        "{}はもう行ってしまった",
    ),
)

CHINESE = Wording(
    nouns={
        "sun": ("轮", ("太阳", "太阳", "暖阳", "烈日")),
        "moon": ("轮", ("月亮", "月亮", "圆月", "明月", "弯月")),
        "star": ("颗", ("星星", "星星", "流星", "星")),
        "cloud": ("朵", ("云", "云朵", "雨云", "浮云")),
        "balloon": ("个", ("热气球", "热气球", "气球", "飞艇")),
        "plane": ("架", ("飞机", "飞机", "客机", "喷气机")),
        "kite": ("只", ("风筝", "风筝", "纸鸢", "龙形风筝")),
        "bird": ("只", ("鸟", "海鸥", "麻雀", "燕子", "飞鸟")),
        "boat": ("艘", ("船", "帆船", "轮船", "游艇", "渔船")),
        "whale": ("头", ("鲸", "鲸鱼", "鲸鱼", "座头鲸")),
        "fish": ("条", ("鱼", "鱼儿", "鳟鱼", "鲱鱼", "金鱼", "鲈鱼")),
        "house": ("座", ("房子", "木屋", "农舍", "屋子", "小屋")),
        "tree": ("棵", ("树", "橡树", "松树", "冷杉", "苹果树", "白桦")),
        "flower": ("朵", ("花", "郁金香", "雏菊", "野花", "鲜花")),
        "car": ("辆", ("汽车", "汽车", "轿车", "老爷车", "车子")),
        "cat": ("只", ("猫", "猫", "猫咪", "花猫", "猫儿")),
    },
    vague={
        "个": {
            "天上的东西": ("sun", "moon", "star", "cloud", "balloon", "plane", "kite", "bird"),
            "光点": ("sun", "moon", "star"),
            "玩具": ("kite", "boat", "car"),
            "交通工具": ("balloon", "plane", "boat", "car"),
            "飞行物": ("balloon", "plane", "kite", "bird"),
        },
        "只": {"动物": ("bird", "whale", "fish", "cat"), "小家伙": ("bird", "fish", "cat")},
        "株": {"植物": ("tree", "flower")},
        "座": {"建筑": ("house",)},
    },
    counts={
        1: ("一{}", "一{}", "一{}", "这{}", "那{}"),
        2: ("两{}", "两{}", "2{}"),
        3: ("三{}", "三{}", "几{}"),
        4: ("四{}", "四{}", "好几{}"),
    },
    colours={
        "red": ("红色的",),
        "orange": ("橙色的", "橘色的"),
        "yellow": ("黄色的",),
        "green": ("绿色的",),
        "blue": ("蓝色的",),
        "purple": ("紫色的",),
        "pink": ("粉色的", "粉红色的"),
        "brown": ("棕色的", "褐色的"),
        "white": ("白色的",),
        "grey": ("灰色的",),
        "black": ("黑色的",),
    },
    sizes={"small": ("小小的", "很小的"), "large": ("大大的", "很大的", "巨大的")},
    far=("远处的", "远方的", "背景里的"),
    sides={
        "left": ("左边的", "左侧的"),
        "middle": ("中间的", "中央的"),
        "right": ("右边的", "右侧的"),
    },
    links=("{}和{}", "{}和{}", "{}、{}", "{}，还有{}", "{}，旁边是{}", "{}跟{}"),
    below=("{}，下面是{}", "{}，下方有{}"),
    above=("{}，上面是{}", "{}，上方有{}"),
    times={
        "day": ("白天", "晴天", "上午", "阳光明媚的日子"),
        "dusk": ("傍晚", "黄昏", "日落时分", "天快黑的时候"),
        "night": ("夜里", "深夜", "月夜", "天黑以后"),
    },
    places={
        "sea": ("海边", "海上", "海岸", "港湾", "水边"),
        "field": ("田野", "草地上", "乡间", "山坡上", "河边"),
    },
    settings=("{time}，{text}", "{place}，{text}", "{time}的{place}，{text}", "{text}，摄于{time}的{place}"),
    openings=(
        "{}",
        "{}",
        "{}",
        "画面上有{}",
        "我看见{}",
        "快看，{}",
        "只有{}",
        "拍到了{}",
        "画的是{}",
    ),
    remarks=(
        "真安静",
        "度假时拍的",
        "没有滤镜",
        "我的最爱",
        "妹妹画的",
        "家里的相册",
        "看着就开心",
        "可以坐上几个小时",
        "天气真好",
        "送给奶奶的",
        "第二次尝试",
        "回家路上",
        "像做梦一样",
        "早起也值得",
        "去年拍的",
        "最美好的一周",
    ),
    absent=("这次没有{}", "本来想看{}", "有点像{}", "{}已经不见了", "那天我们聊起了{}"),
)
WORDINGS = {"ja": JAPANESE, "zh": CHINESE}


def write_caption(scene, rng, wording: Wording) -> str:
    """Describe a scene in one line that mentions at least one of the things shown; see the English `captions`."""
    told = [thing for thing in scene.things if rng.random() > 0.22] or [pick(rng, scene.things)]
    told = [told[i] for i in rng.permutation(len(told))]
    text = mention(told[0], rng, wording)
    for before, thing in pairwise(told):
        text = link(before, thing, rng, wording).format(text, mention(thing, rng, wording))
    text = pick(rng, wording.openings).format(text)
    if rng.random() < 0.5:
        time = pick(rng, wording.times[scene.time])
        place = pick(rng, wording.places[scene.place])
        text = pick(rng, wording.settings).format(time=time, place=place, text=text)
    if rng.random() < 0.5:
        text = f"{text}。{pick(rng, wording.remarks)}"
    if rng.random() < 0.2:
        _, words = wording.nouns[pick(rng, tuple(wording.nouns))]
        word = pick(rng, words)
        text = f"{text}。{pick(rng, wording.absent).format(word)}"
    return text


def mention(thing, rng, wording: Wording) -> str:
    """A noun phrase for one thing or one group of the same things."""
    counter, nouns = wording.nouns[thing.kind]
    noun = pick(rng, nouns)
    if rng.random() < 0.18:
        counter, noun = pick(rng, vague_words(thing.kind, wording))
    parts = []
    if thing.far and rng.random() < 0.35:
        parts.append(pick(rng, wording.far))
    elif rng.random() < 0.2:
        parts.append(pick(rng, wording.sides[thing.side]))
    parts.append(pick(rng, wording.counts[thing.count]).format(counter))
    if rng.random() < 0.25 and not 0.1 <= thing.half <= 0.19:
        parts.append(pick(rng, wording.sizes["small" if thing.half < 0.1 else "large"]))
    if rng.random() < 0.35:
        parts.append(pick(rng, wording.colours[thing.colour]))
    return "".join([*parts, noun])


def vague_words(kind: str, wording: Wording) -> tuple[tuple[str, str], ...]:
    """Counter and word of everything vague that may mean this kind."""
    return tuple(
        (counter, word) for counter, words in wording.vague.items() for word, kinds in words.items() if kind in kinds
    )


def link(before, after, rng, wording: Wording) -> str:
    """How two things stand to each other; only says above what is above."""
    if rng.random() < 0.35 and abs(before.y - after.y) > 0.25:
        return pick(rng, wording.below if before.y < after.y else wording.above)
    return pick(rng, wording.links)
