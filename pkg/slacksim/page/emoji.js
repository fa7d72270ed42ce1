// The shortcodes a bot is likely to use; unknown ones stay as they were typed.

const table = `
coffee ☕ tea 🍵 teapot 🫖 cup_with_straw 🥤 bubble_tea 🧋 beer 🍺 milk_glass 🥛 glass_of_milk 🥛 croissant 🥐 doughnut 🍩 cookie 🍪
cake 🍰 birthday 🎂 bagel 🥯 sandwich 🥪 pizza 🍕 apple 🍎 banana 🍌 lemon 🍋 chocolate_bar 🍫 ice_cream 🍨
runner 🏃 running 🏃 man-running 🏃‍♂️ woman-running 🏃‍♀️ walking 🚶 wave 👋 raised_hand ✋ hand 🤚 raised_hands 🙌 clap 👏 pray 🙏 muscle 💪
+1 👍 thumbsup 👍 -1 👎 thumbsdown 👎 ok_hand 👌 point_right 👉 point_left 👈 point_up ☝️ point_down 👇 handshake 🤝
smile 😄 grinning 😀 slightly_smiling_face 🙂 simple_smile 🙂 wink 😉 joy 😂 laughing 😆 blush 😊 heart_eyes 😍 thinking_face 🤔
cry 😢 sob 😭 sweat_smile 😅 sunglasses 😎 sleeping 😴 neutral_face 😐 disappointed 😞 upside_down_face 🙃 shrug 🤷 eyes 👀 robot_face 🤖
heart ❤️ tada 🎉 sparkles ✨ star ⭐ fire 🔥 rocket 🚀 zap ⚡ trophy 🏆 medal 🏅 first_place_medal 🥇 second_place_medal 🥈 third_place_medal 🥉 crown 👑
white_check_mark ✅ heavy_check_mark ✔️ ballot_box_with_check ☑️ x ❌ no_entry ⛔ no_entry_sign 🚫 warning ⚠️ exclamation ❗ question ❓
information_source ℹ️ bulb 💡 lock 🔒 unlock 🔓 key 🔑 mag 🔍 gear ⚙️ wrench 🔧 hammer 🔨 bug 🐛 recycle ♻️ wastebasket 🗑️ broom 🧹
bell 🔔 no_bell 🔕 loudspeaker 📢 mega 📣 speech_balloon 💬 thought_balloon 💭 email 📧 memo 📝 pencil 📝 pencil2 ✏️ clipboard 📋 pushpin 📌 round_pushpin 📍
calendar 📆 date 📅 clock1 🕐 clock3 🕒 clock9 🕘 clock10 🕙 alarm_clock ⏰ stopwatch ⏱️ timer_clock ⏲️ hourglass ⌛ hourglass_flowing_sand ⏳
scales ⚖️ balance_scale ⚖️ bar_chart 📊 chart_with_upwards_trend 📈 chart_with_downwards_trend 📉 moneybag 💰 credit_card 💳 game_die 🎲 dart 🎯
house 🏠 office 🏢 door 🚪 globe_with_meridians 🌐 sunny ☀️ cloud ☁️ umbrella ☔ snowflake ❄️ palm_tree 🌴 airplane ✈️ busts_in_silhouette 👥 bust_in_silhouette 👤
arrow_right ➡️ arrow_left ⬅️ arrow_up ⬆️ arrow_down ⬇️ arrows_counterclockwise 🔄 repeat 🔁 heavy_plus_sign ➕ heavy_minus_sign ➖
one 1️⃣ two 2️⃣ three 3️⃣ four 4️⃣ five 5️⃣ red_circle 🔴 large_blue_circle 🔵 large_green_circle 🟢 large_yellow_circle 🟡 white_circle ⚪ black_circle ⚫`;

const words = table.trim().split(/\s+/);
const byName = new Map(words.flatMap((word, i) => (i % 2 ? [] : [[word, words[i + 1]]])));

export const shortcode = /:([a-z0-9_+-]+):/g;

/** emojify replaces known :shortcodes: in text. */
export const emojify = (text) => text.replace(shortcode, (code, name) => byName.get(name) ?? code);
