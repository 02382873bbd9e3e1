"""Every sentence of the app's page, in English and Chinese."""

from collections.abc import Mapping

LANGUAGES = ("en", "zh")

TEXTS: Mapping[str, tuple[str, str]] = {
    # the page
    "title": ("Visual grounding", "视觉定位"),
    "lead": (
        "Give a picture, say what to look for, and see where the model finds it.",
        "上传一张图片，说出要找什么，看看模型在哪里找到它。",
    ),
    "picture": ("Picture", "图片"),
    "drop": ("# Drop a picture here\nor click to choose one", "# 把图片拖到这里\n或点击选择图片"),
    "everything_tab": ("Everything", "所有物体"),
    "phrase_tab": ("A phrase", "一个短语"),
    "region_tab": ("A box", "一个框"),
    "everything_help": ("Finds every object that the model knows.", "找出模型认识的每一个物体。"),
    "everything_button": ("Detect everything", "检测所有物体"),
    "phrase": ("What to look for", "要找什么"),
    "phrase_example": ("the red cup on the left", "左边的红色杯子"),
    "phrase_button": ("Find it", "查找"),
    "region_help": (
        "Drag a box over the picture above: the model sees it lit, and all around it dimmed.",
        "在上面的图片上拖出一个框：模型看到的是框内明亮、框外变暗的图片。",
    ),
    "region": ("Box in pixels: x1, y1, x2, y2", "框的像素坐标：x1, y1, x2, y2"),
    "region_example": (
        "drag on the picture, or type: 20, 40, 110, 120",
        "在图片上拖动，或输入：20, 40, 110, 120",
    ),
    "region_question": (
        "Question (empty: what is detected in it)",
        "问题（留空：检测框内的物体）",
    ),
    "region_question_example": ("What is this?", "这是什么？"),
    "region_button": ("Ask about the box", "询问这个框"),
    "answer": ("Answer", "回答"),
    "waiting": ("The answer appears here.", "回答会显示在这里。"),
    "verify_button": ("Verify: ask the answer back", "验证：反过来再问一遍"),
    "raw": ("Raw answer", "原始回答"),
    "examples": ("Examples", "示例"),
    # an answer
    "found_none": ("Nothing was found in {seconds}.", "没有找到任何物体，用时 {seconds}。"),
    "found_one": ("1 object in {seconds}.", "找到 1 个物体，用时 {seconds}。"),
    "found_many": ("{count} objects in {seconds}.", "找到 {count} 个物体，用时 {seconds}。"),
    "no_boxes": ("The answer names no box; it took {seconds}.", "回答中没有框，用时 {seconds}。"),
    "question": ("Question", "问题"),
    "label": ("Label", "标签"),
    "score": ("Score", "得分"),
    "box": ("Box (x1, y1, x2, y2)", "框（x1, y1, x2, y2）"),
    "problems": ("Problems in the answer", "回答中的问题"),
    "region_iou": (
        "Best IoU of an answered box with yours: {iou}.",
        "回答的框与您的框的最大交并比（IoU）：{iou}。",
    ),
    "untrained_everything": (
        "This model was not trained to name everything in a picture: expect little.",
        "该模型没有学过检测所有物体，结果可能不佳。",
    ),
    "untrained_phrase": (
        "This model was not trained on phrases: it may not look for what you say.",
        "该模型没有学过按短语查找，可能不会按您说的去找。",
    ),
    "untrained_region": (
        "This model was not trained on pictures with a spotlight: expect little.",
        "该模型没有学过聚光图片，结果可能不佳。",
    ),
    "cycle": (
        "Asked back, the boxes agree with a mean IoU of {iou}.",
        "反过来再问，各框的平均交并比（IoU）为 {iou}。",
    ),
    "cycle_untrained": (
        "This model was not trained on phrases: a low value says little about its answer.",
        "该模型没有学过按短语查找，数值低并不说明回答有误。",
    ),
    "cycle_label": ("Asked", "所问"),
    "cycle_iou": ("IoU with its boxes", "与其各框的交并比"),
    "cycle_part": ("Only the first {count} labels were asked back.", "只反问了前 {count} 个标签。"),
    # what can go wrong
    "no_picture": ("Choose a picture first.", "请先选择一张图片。"),
    "gone_picture": ("The picture is no longer here: choose it again.", "图片已不在这里，请重新选择。"),
    "not_a_picture": (
        "This file could not be read as a picture: choose a JPEG, PNG or WebP.",
        "无法将此文件读取为图片：请选择 JPEG、PNG 或 WebP。",
    ),
    "many_bytes": (
        "This file has {0:.1f} MB; at most {1:g} MB are taken.",
        "此文件有 {0:.1f} MB，最多只接受 {1:g} MB。",
    ),
    "many_pixels": (
        "This picture has more than {0:g} million pixels: make it smaller.",
        "此图片超过 {0:g} 百万像素：请先缩小。",
    ),
    "no_phrase": ("Say what to look for.", "请说出要找什么。"),
    "long_phrase": ("At most {0} characters are taken.", "最多只接受 {0} 个字符。"),
    "markup": ("A question cannot hold any of: {0}", "问题中不能含有：{0}"),
    "no_region": ("Drag a box over the picture first.", "请先在图片上拖出一个框。"),
    "bad_region": ("A box is four numbers: x1, y1, x2, y2.", "框是四个数字：x1, y1, x2, y2。"),
    "small_region": (
        "The box has no area inside the picture: draw a larger one.",
        "框在图片内没有面积：请画得大一些。",
    ),
    "nothing_asked": (
        "Ask something first; its answer can be verified then.",
        "请先提问，之后才能验证回答。",
    ),
    "nothing_to_verify": (
        "The answer names no object to ask back.",
        "回答中没有可以反问的物体。",
    ),
    "refused": ("The model could not be asked: {0}", "无法向模型提问：{0}"),
    "failed": (
        "The model failed ({0}). The server's log says more; try again, or with another picture.",
        "模型出错（{0}）。详情见服务器日志；请重试，或换一张图片。",
    ),
}
"""Key -> English, Chinese."""


class AppError(Exception):
    """What a visitor can mend: the key of a sentence in TEXTS, and what fills its gaps."""

    def __init__(self, key: str, *values: object) -> None:
        """Keep key and values; the page says it in the visitor's language."""
        super().__init__(key, *values)
        self.key, self.values = key, values


def say(language: str, key: str, *values: object, **named: object) -> str:
    """Return a sentence in a language."""
    return TEXTS[key][LANGUAGES.index(language)].format(*values, **named)


def choose_language(accepted: str) -> str:
    """Return the language of a browser's Accept-Language header, as far as the page speaks it."""
    for choice in accepted.lower().split(","):
        for language in LANGUAGES:
            if choice.strip().startswith(language):
                return language
    return LANGUAGES[0]


def translations() -> dict[str, dict[str, str]]:
    """Return the page's texts by the names that browsers give to the languages."""
    english, chinese = ({key: texts[number] for key, texts in TEXTS.items()} for number in (0, 1))
    return {"en": english, **dict.fromkeys(("zh", "zh-CN", "zh-TW"), chinese)}
