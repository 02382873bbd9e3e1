"""All texts of the app's page, in English and Chinese."""

from collections.abc import Mapping

LANGUAGES = ("en", "zh")

TEXTS: Mapping[str, tuple[str, str]] = {
    # the page
    "title": ("Visual grounding", "视觉定位"),
    "lead": (
        "Upload a picture, say what to look for, and see where the model finds it.",
        "上传一张图片，说出要找什么，看看模型在哪里找到它。",
    ),
    "without_candidates": (
        "This model was trained with a detector's boxes in its questions. The questions here have none.",
        "该模型训练时的问题中列有检测器的候选框，这里的问题没有候选框。",
    ),
    "picture": ("Picture", "图片"),
    "more_pictures": (
        "More pictures in the same question (the one above is Image 1)",
        "同一问题中的更多图片（上面的图片为 Image 1）",
    ),
    "drop_more": ("Drop or click", "拖放或点击"),
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
        "Drag a box over the picture above. The model sees the picture dimmed outside the box, and no other "
        "picture.",
        "在上面的图片上拖出一个框。模型只看到这张图片，框外变暗。",
    ),
    "region": ("Box in pixels: x1, y1, x2, y2", "框的像素坐标：x1, y1, x2, y2"),
    "region_example": (
        "drag on the picture, or type: 20, 40, 110, 120",
        "在图片上拖动，或输入：20, 40, 110, 120",
    ),
    "region_question": (
        "Question (leave empty to detect the objects in the box)",
        "问题（留空：检测框内的物体）",
    ),
    "region_question_example": ("What is this?", "这是什么？"),
    "region_button": ("Ask about the box", "询问这个框"),
    "talk_tab": ("Click and talk", "点击对话"),
    "talk_help": (
        "Click on an object in either picture: the model describes it, and you can talk on. Shift-click adds "
        "to the object, Alt-click takes away from it; so does a click after its button below. A conversation "
        "is about one picture, the first.",
        "点击任意一张图片中的物体：模型会描述它，然后可以继续对话。"
        "按住 Shift 点击：添加到该物体；按住 Alt 点击：从中去掉；也可以先按下面的按钮，再点击图片。"
        "对话只针对一张图片，即第一张。",
    ),
    "point": ("Or type the place: x, y", "或输入位置：x, y"),
    "point_example": ("click on the picture, or type: 60, 35", "点击图片，或输入：60, 35"),
    "talk_new": ("Describe", "描述"),
    "talk_add": ("Add to it", "添加"),
    "talk_remove": ("Take away", "去掉"),
    "talk_undo": ("Undo the click", "撤销点击"),
    "message": ("Say something", "继续对话"),
    "message_example": ("Where is the red cup?", "红色杯子在哪里？"),
    "talk_say": ("Send", "发送"),
    "talk_save": ("Save for training", "保存用于训练"),
    "answer": ("Answer", "回答"),
    "waiting": ("The answer appears here.", "回答会显示在这里。"),
    "verify_button": ("Verify: ask for each label again", "验证：按每个标签再问一遍"),
    "raw": ("Raw answer", "原始回答"),
    "examples": ("Examples", "示例"),
    # an answer
    "found_none": ("Nothing was found in {seconds}.", "没有找到任何物体，用时 {seconds}。"),
    "found_one": ("1 object in {seconds}.", "找到 1 个物体，用时 {seconds}。"),
    "found_many": ("{count} objects in {seconds}.", "找到 {count} 个物体，用时 {seconds}。"),
    "no_boxes": ("The answer contains no box. It took {seconds}.", "回答中没有框，用时 {seconds}。"),
    "question": ("Question", "问题"),
    "label": ("Label", "标签"),
    "score": ("Score", "得分"),
    "box": ("Box (x1, y1, x2, y2)", "框（x1, y1, x2, y2）"),
    "description": ("Description", "描述"),
    "problems": ("Problems in the answer", "回答中的问题"),
    "region_iou": (
        "Highest IoU of a predicted box with yours: {iou}.",
        "预测框与您的框的最大交并比（IoU）：{iou}。",
    ),
    "untrained_everything": (
        "This model was not trained to find everything in a picture. The result may be poor.",
        "该模型没有针对“检测所有物体”训练过，结果可能不佳。",
    ),
    "untrained_phrase": (
        "This model was not trained on phrases. It may not look for what you ask.",
        "该模型没有针对“按短语查找”训练过，可能不会按您的要求查找。",
    ),
    "untrained_region": (
        "This model was not trained on pictures that are dimmed outside a box. The result may be poor.",
        "该模型没有针对框外变暗的图片训练过，结果可能不佳。",
    ),
    "verified": (
        "Asked for each label again, the model repeats its boxes with a mean IoU of {iou}.",
        "按每个标签再问一遍，前后两次的框的平均交并比（IoU）为 {iou}。",
    ),
    "verified_untrained": (
        "This model was not trained on phrases. A low value does not mean that its answer is wrong.",
        "该模型没有针对“按短语查找”训练过，数值低并不说明回答有误。",
    ),
    "verified_question": ("Question", "问题"),
    "verified_iou": ("IoU", "交并比"),
    "verified_part": (
        "Only the first {count} labels were asked for again.",
        "只再次询问了前 {count} 个标签。",
    ),
    # a conversation
    "asking_back": ("Asking where that is ...", "正在反问其位置……"),
    "led_back": (
        "Asked back, these words lead to the object: IoU {iou}.",
        "反问后，这些词指向该物体：交并比（IoU）{iou}。",
    ),
    "led_elsewhere": (
        "Asked back, these words do not lead to the object alone: IoU {iou}, other objects: {others}.",
        "反问后，这些词并不只指向该物体：交并比（IoU）{iou}，另有 {others} 个物体。",
    ),
    "not_asked_back": (
        "It was not asked where that is: there are no words, or they hold marks of boxes.",
        "没有反问其位置：没有文字，或其中含有边框标记。",
    ),
    "second_try": (
        "Described once more, as the first words did not lead to it",
        "由于最初的描述未能指向它，再次描述",
    ),
    "saved": ("The conversation is saved for training.", "对话已保存，可用于训练。"),
    "nothing_clicked_yet": ("Nothing is chosen.", "未选择任何物体。"),
    # what can go wrong
    "no_point": (
        "A click is two numbers inside the picture: x, y.",
        "点击位置是图片内的两个数字：x, y。",
    ),
    "no_saving": ("Conversations are not saved here.", "此处不保存对话。"),
    "no_picture": ("Choose a picture first.", "请先选择一张图片。"),
    "gone_picture": (
        "The picture is no longer on the server. Choose it again.",
        "图片已不在服务器上，请重新选择。",
    ),
    "not_a_picture": (
        "This file could not be read as a picture. Choose a JPEG, PNG or WebP file.",
        "无法将此文件读取为图片，请选择 JPEG、PNG 或 WebP 文件。",
    ),
    "many_bytes": (
        "This file has {0:.1f} MB. The limit is {1:g} MB.",
        "此文件有 {0:.1f} MB，上限为 {1:g} MB。",
    ),
    "many_pixels": (
        "This picture has more than {0:g} million pixels. Make it smaller.",
        "此图片超过 {0:g} 百万像素，请先缩小。",
    ),
    "many_pixels_together": (
        "These pictures have more than {0:g} million pixels together. Make them smaller, or take some away.",
        "这些图片合计超过 {0:g} 百万像素，请先缩小，或减少图片。",
    ),
    "gap_in_pictures": (
        "Image {0} is empty, and a later one is not. Fill the pictures in their order.",
        "Image {0} 为空，而后面的图片不为空，请按顺序选择图片。",
    ),
    "no_phrase": ("Say what to look for.", "请说出要找什么。"),
    "long_phrase": ("Use at most {0} characters.", "最多 {0} 个字符。"),
    "markup": ("A question must not contain any of: {0}", "问题中不能包含：{0}"),
    "no_region": ("Drag a box over the picture first.", "请先在图片上拖出一个框。"),
    "bad_region": ("A box is four numbers: x1, y1, x2, y2.", "框是四个数字：x1, y1, x2, y2。"),
    "small_region": (
        "The box has no area inside the picture. Draw a larger one.",
        "框在图片内没有面积，请画得大一些。",
    ),
    "nothing_asked": (
        "Ask something first. Then you can verify the answer.",
        "请先提问，之后才能验证回答。",
    ),
    "nothing_to_verify": (
        "The answer contains no labelled object to verify.",
        "回答中没有带标签、可以验证的物体。",
    ),
    "many_clicks": (
        "An object has at most {0} clicks. Begin a new one.",
        "一个物体最多点击 {0} 次，请重新开始。",
    ),
    "negative_click": ("Click on the object first.", "请先点击物体本身。"),
    "no_mask": ("No object was found there. Click elsewhere.", "那里没有找到物体，请点击别处。"),
    "nothing_clicked": ("Click on an object in the picture first.", "请先点击图片中的一个物体。"),
    "many_turns": (
        "A conversation has at most {0} turns. Click on an object to begin a new one.",
        "一次对话最多 {0} 轮，请点击一个物体重新开始。",
    ),
    "nothing_to_save": ("There is no conversation to save yet.", "还没有可以保存的对话。"),
    "not_saved": (
        "The conversation was not saved, as no training would take it: {0}.",
        "对话没有保存，因为训练无法使用它：{0}。",
    ),
    "many_saved": (
        "The folder of saved conversations is full ({0}). Its owner has to make room.",
        "保存对话的文件夹已满（{0}），需要其所有者清理。",
    ),
    "refused": ("The model could not be asked: {0}", "无法向模型提问：{0}"),
    "failed": (
        "The model failed ({0}). Details are in the server's log. Try again, or use another picture.",
        "模型出错（{0}）。详情见服务器日志；请重试，或换一张图片。",
    ),
}
"""Key -> English, Chinese."""


class AppError(Exception):
    """A problem that a visitor can solve: the key of a sentence in TEXTS, and values for its placeholders."""

    def __init__(self, key: str, *values: object) -> None:
        """Keep key and values; the page shows the sentence in the visitor's language."""
        super().__init__(key, *values)
        self.key, self.values = key, values


def say(language: str, key: str, *values: object, **named: object) -> str:
    """Return the text of a key in a language, with its placeholders filled."""
    return TEXTS[key][LANGUAGES.index(language)].format(*values, **named)


def choose_language(accepted: str) -> str:
    """Return the first language in a browser's Accept-Language header that the page has, else English."""
    for choice in accepted.lower().split(","):
        for language in LANGUAGES:
            if choice.strip().startswith(language):
                return language
    return LANGUAGES[0]


def translations() -> dict[str, dict[str, str]]:
    """Return the texts of the page by the language codes of browsers."""
    english, chinese = ({key: texts[number] for key, texts in TEXTS.items()} for number in (0, 1))
    return {"en": english, **dict.fromkeys(("zh", "zh-CN", "zh-TW"), chinese)}
