// Prints the timestamp of each event that the rule finds: simdjson's On-Demand parser on JSON lines.
//
//     simdjson_ondemand FILE WEB_SERVERS SHELLS    names separated by commas
//
// Keys are asked for in the order in which Tracee writes them, which On-Demand answers fastest; in
// another order the answers are the same.

#include <cstdio>
#include <cstring>
#include <simdjson.h>
#include <sstream>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

namespace od = simdjson::ondemand;
using Names = std::unordered_set<std::string_view>;

namespace {

constexpr size_t longest_line = 16 << 20;

std::vector<std::string> split(const char *text) {
    std::vector<std::string> names;
    std::istringstream stream(text);
    for (std::string name; std::getline(stream, name, ',');) names.push_back(name);
    return names;
}

std::string_view argument(od::object &event, std::string_view wanted) {
    for (od::object arg : event["args"].get_array()) {
        if (std::string_view(arg["name"]) != wanted) continue;
        od::value value = arg["value"];
        if (value.type() != od::json_type::string) return {};
        return value.get_string();
    }
    return {};
}

bool ends_like_a_shell(std::string_view path, const Names &shells) {
    const auto slash = path.rfind('/');
    return slash != path.npos && shells.count(path.substr(slash + 1)) != 0;
}

}  // namespace

int main(int argc, char **argv) {
    if (argc == 2 && std::strcmp(argv[1], "--version") == 0) {
        std::puts(SIMDJSON_STRINGIFY(SIMDJSON_VERSION));
        return 0;
    }
    if (argc != 4) return 2;
    const auto web_names = split(argv[2]), shell_names = split(argv[3]);
    const Names web(web_names.begin(), web_names.end());
    const Names shells(shell_names.begin(), shell_names.end());

    const auto json = simdjson::padded_string::load(argv[1]).take_value();
    od::parser parser;
    od::document_stream lines;
    if (parser.iterate_many(json, longest_line).get(lines)) return 1;
    for (auto line : lines) {
        od::object event = line.get_object();
        const int64_t timestamp = event["timestamp"];
        const std::string_view comm = event["processName"];
        const std::string_view name = event["eventName"];
        bool found = false;
        if (name == "security_bprm_check") {
            found = web.count(comm) && ends_like_a_shell(argument(event, "pathname"), shells);
        } else if (name == "sched_process_exec") {
            found = shells.count(comm) && web.count(argument(event, "prev_comm"));
        }
        if (found) std::printf("%lld\n", static_cast<long long>(timestamp));
    }
    return 0;
}
