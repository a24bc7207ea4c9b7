#include "fqgan/data/sources/name_folding.h"

#include <map>

namespace fqgan {
namespace {

// The letters `letters` of Unicode are those of `bases` with this mark, in the same order.
struct Marked {
  char32_t mark;
  std::u32string_view bases, letters;
};

// Latin, Greek and Cyrillic letters, hiragana and katakana.
const Marked marked[] = {
    {U'\u0300', U"AEIOUaeiouÜüNnЕИеиĒēŌōWwÂâĂăÊêÔôƠơƯưYy", U"ÀÈÌÒÙàèìòùǛǜǸǹЀЍѐѝḔḕṐṑẀẁẦầẰằỀềỒồỜờỪừỲỳ"},
    {U'\u0301', U"AEIOUYaeiouyCcLlNnRrSsZzÜüGgÅåÆæØø¨ΑΕΗΙΟΥΩϊαεηιϋουωϒГКгкÇçĒēÏïKkMmÕõŌōPpŨũWwÂâĂăÊêÔôƠơƯư",
     U"ÁÉÍÓÚÝáéíóúýĆćĹĺŃńŔŕŚśŹźǗǘǴǵǺǻǼǽǾǿ΅ΆΈΉΊΌΎΏΐάέήίΰόύώϓЃЌѓќḈḉḖḗḮḯḰḱḾḿṌṍṒṓṔṕṸṹẂẃẤấẮắẾếỐốỚớỨứ"},
    {U'\u0302', U"AEIOUaeiouCcGgHhJjSsWwYyZzẠạẸẹỌọ", U"ÂÊÎÔÛâêîôûĈĉĜĝĤĥĴĵŜŝŴŵŶŷẐẑẬậỆệỘộ"},
    {U'\u0303', U"ANOanoIiUuVvÂâĂăEeÊêÔôƠơƯưYy", U"ÃÑÕãñõĨĩŨũṼṽẪẫẴẵẼẽỄễỖỗỠỡỮữỸỹ"},
    {U'\u0304', U"AaEeIiOoUuÜüÄäȦȧÆæǪǫÖöÕõȮȯYyИиУуGgḶḷṚṛ", U"ĀāĒēĪīŌōŪūǕǖǞǟǠǡǢǣǬǭȪȫȬȭȰȱȲȳӢӣӮӯḠḡḸḹṜṝ"},
    {U'\u0306', U"AaEeGgIiOoUuУИиуЖжАаЕеȨȩẠạ", U"ĂăĔĕĞğĬĭŎŏŬŭЎЙйўӁӂӐӑӖӗḜḝẶặ"},
    {U'\u0307', U"CcEeGgIZzAaOoBbDdFfHhMmNnPpRrSsŚśŠšṢṣTtWwXxYyſ", U"ĊċĖėĠġİŻżȦȧȮȯḂḃḊḋḞḟḢḣṀṁṄṅṖṗṘṙṠṡṤṥṦṧṨṩṪṫẆẇẊẋẎẏẛ"},
    {U'\u0308', U"AEIOUaeiouyYΙΥιυϒЕІеіАаӘәЖжЗзИиОоӨөЭэУуЧчЫыHhÕõŪūWwXxt",
     U"ÄËÏÖÜäëïöüÿŸΪΫϊϋϔЁЇёїӒӓӚӛӜӝӞӟӤӥӦӧӪӫӬӭӰӱӴӵӸӹḦḧṎṏṺṻẄẅẌẍẗ"},
    {U'\u0309', U"AaÂâĂăEeÊêIiOoÔôƠơUuƯưYy", U"ẢảẨẩẲẳẺẻỂểỈỉỎỏỔổỞởỦủỬửỶỷ"},
    {U'\u030a', U"AaUuwy", U"ÅåŮůẘẙ"},
    {U'\u030b', U"OoUuУу", U"ŐőŰűӲӳ"},
    {U'\u030c', U"CcDdEeLlNnRrSsTtZzAaIiOoUuÜüGgKkƷʒjHh", U"ČčĎďĚěĽľŇňŘřŠšŤťŽžǍǎǏǐǑǒǓǔǙǚǦǧǨǩǮǯǰȞȟ"},
    {U'\u030f', U"AaEeIiOoRrUuѴѵ", U"ȀȁȄȅȈȉȌȍȐȑȔȕѶѷ"},
    {U'\u0311', U"AaEeIiOoRrUu", U"ȂȃȆȇȊȋȎȏȒȓȖȗ"},
    {U'\u031b', U"OoUu", U"ƠơƯư"},
    {U'\u0323', U"BbDdHhKkLlMmNnRrSsTtVvWwZzAaEeIiOoƠơUuƯưYy", U"ḄḅḌḍḤḥḲḳḶḷṂṃṆṇṚṛṢṣṬṭṾṿẈẉẒẓẠạẸẹỊịỌọỢợỤụỰựỴỵ"},
    {U'\u0324', U"Uu", U"Ṳṳ"},
    {U'\u0325', U"Aa", U"Ḁḁ"},
    {U'\u0326', U"SsTt", U"ȘșȚț"},
    {U'\u0327', U"CcGgKkLlNnRrSsTtEeDdHh", U"ÇçĢģĶķĻļŅņŖŗŞşŢţȨȩḐḑḨḩ"},
    {U'\u0328', U"AaEeIiUuOo", U"ĄąĘęĮįŲųǪǫ"},
    {U'\u032d', U"DdEeLlNnTtUu", U"ḒḓḘḙḼḽṊṋṰṱṶṷ"},
    {U'\u032e', U"Hh", U"Ḫḫ"},
    {U'\u0330', U"EeIiUu", U"ḚḛḬḭṴṵ"},
    {U'\u0331', U"BbDdKkLlNnRrTtZzh", U"ḆḇḎḏḴḵḺḻṈṉṞṟṮṯẔẕẖ"},
    {U'\u3099', U"かきくけこさしすせそたちつてとはひふへほうゝカキクケコサシスセソタチツテトハヒフヘホウワヰヱヲヽ",
     U"がぎぐげござじずぜぞだぢづでどばびぶべぼゔゞガギグゲゴザジズゼゾダヂヅデドバビブベボヴヷヸヹヺヾ"},
    {U'\u309a', U"はひふへほハヒフヘホ", U"ぱぴぷぺぽパピプペポ"},
};

constexpr char32_t first_syllable = 0xac00, last_syllable = 0xd7a3;  // of Hangul

// Text that is not UTF-8 gives some characters too; class names are checked elsewhere.
std::u32string characters_of(std::string_view text) {
  std::u32string result;
  for (size_t i = 0; i < text.size();) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const size_t length = byte < 0xc0 ? 1 : byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
    char32_t character = length == 1 ? byte : byte & (0xffu >> (length + 1));
    for (size_t k = 1; k < length && i + k < text.size(); ++k)
      character = character << 6 | (static_cast<unsigned char>(text[i + k]) & 0x3fu);
    result += character;
    i += length;
  }
  return result;
}

// Each letter with a mark, as its base and its mark.
const std::map<char32_t, std::pair<char32_t, char32_t>>& parts_of_letters() {
  static const auto parts = [] {
    std::map<char32_t, std::pair<char32_t, char32_t>> result;
    for (const auto& [mark, bases, letters] : marked)
      for (size_t i = 0; i < letters.size(); ++i) result[letters[i]] = {bases[i], mark};
    return result;
  }();
  return parts;
}

void append_decomposed(std::u32string& to, char32_t character) {
  if (character >= first_syllable && character <= last_syllable) {
    const char32_t syllable = character - first_syllable;
    to += {0x1100 + syllable / 588, 0x1161 + syllable % 588 / 28};
    if (syllable % 28 != 0) to += 0x11a7 + syllable % 28;
    return;
  }
  const auto found = parts_of_letters().find(character);
  if (found == parts_of_letters().end()) {
    to += character;
    return;
  }
  append_decomposed(to, found->second.first);
  to += found->second.second;
}

bool is_mark(char32_t c) { return (c >= 0x300 && c <= 0x36f) || c == 0x3099 || c == 0x309a; }

// Of characters without marks.
char32_t lower_case(char32_t c) {
  const auto within = [c](char32_t first, char32_t last) { return c >= first && c <= last; };
  if (within('A', 'Z') || (within(0xc0, 0xde) && c != 0xd7) || within(0x391, 0x3a9) || within(0x410, 0x42f))
    return c + 32;
  if (within(0x400, 0x40f)) return c + 80;
  if (c == 0x3c2) return 0x3c3;  // the sigma at the end of a word
  if (within(0x139, 0x148) || within(0x179, 0x17e)) return c + c % 2;
  if (within(0x100, 0x177) || within(0x460, 0x481) || within(0x48a, 0x4bf) || within(0x4d0, 0x52f)) return c | 1;
  return c;
}

}  // namespace

std::u32string decomposed(std::string_view name) {
  std::u32string result;
  for (const auto c : characters_of(name)) append_decomposed(result, c);
  return result;
}

std::u32string in_lower_case(std::u32string name) {
  for (auto& c : name) c = lower_case(c);
  return name;
}

std::u32string without_marks(std::u32string name) {
  std::erase_if(name, is_mark);
  return name;
}

}  // namespace fqgan
