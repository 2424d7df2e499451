import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;

import org.elasticsearch.TransportVersion;
import org.elasticsearch.common.Strings;
import org.elasticsearch.common.bytes.BytesArray;
import org.elasticsearch.common.bytes.BytesReference;
import org.elasticsearch.common.io.stream.BytesStreamOutput;
import org.elasticsearch.common.io.stream.NamedWriteableAwareStreamInput;
import org.elasticsearch.common.io.stream.NamedWriteableRegistry;
import org.elasticsearch.common.io.stream.StreamInput;
import org.elasticsearch.common.io.stream.Writeable;
import org.elasticsearch.common.logging.LogConfigurator;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.common.util.BigArrays;
import org.elasticsearch.common.xcontent.XContentHelper;
import org.elasticsearch.search.SearchModule;
import org.elasticsearch.search.aggregations.AggregationReduceContext;
import org.elasticsearch.search.aggregations.AggregatorFactories;
import org.elasticsearch.search.aggregations.InternalAggregations;
import org.elasticsearch.xcontent.NamedXContentRegistry;
import org.elasticsearch.xcontent.ToXContent;
import org.elasticsearch.xcontent.XContentBuilder;
import org.elasticsearch.xcontent.XContentParser;
import org.elasticsearch.xcontent.XContentParserConfiguration;
import org.elasticsearch.xcontent.XContentType;
import org.elasticsearch.xcontent.json.JsonXContent;

/**
 * Aggregations by Elasticsearch's own classes. Reads one JSON object a line and answers with one a line:
 *
 *   {"op": "encode", "aggs": "{...}"}                         {"bytes": base64 of the AggregatorFactories.Builder, "body": as it renders them}
 *   {"op": "render", "bytes": base64 of InternalAggregations} {"body": with typed keys, "bytes": the same, written again, "rest": unread bytes}
 *   {"op": "reduce", "aggs": "{...}", "partials": [base64], "final": true}  the same of what they are reduced to
 */
public class AggregationOracle {
    static {
        LogConfigurator.configureESLogging();
    }
    static final TransportVersion VERSION = TransportVersion.fromId(8841096);
    static final SearchModule SEARCH = new SearchModule(Settings.EMPTY, List.of());
    static final NamedWriteableRegistry WRITEABLES = new NamedWriteableRegistry(SEARCH.getNamedWriteables());
    static final NamedXContentRegistry XCONTENTS = new NamedXContentRegistry(SEARCH.getNamedXContents());
    static final XContentParserConfiguration PARSING = XContentParserConfiguration.EMPTY.withRegistry(XCONTENTS);

    public static void main(String[] args) throws Exception {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line; (line = in.readLine()) != null;) {
            XContentBuilder answer = JsonXContent.contentBuilder().startObject();
            try {
                answer(XContentHelper.convertToMap(JsonXContent.jsonXContent, line, true), answer);
            } catch (Throwable e) {
                answer = JsonXContent.contentBuilder().startObject().field("error", String.valueOf(e));
            }
            System.out.println(Strings.toString(answer.endObject()));
        }
    }

    static void answer(Map<String, Object> call, XContentBuilder answer) throws Exception {
        switch ((String) call.get("op")) {
            case "encode" -> {
                AggregatorFactories.Builder builders = builders(call);
                answer.field("bytes", base64(write(builders))).field("body", builders);
            }
            case "render" -> {
                StreamInput in = input((String) call.get("bytes"));
                show(InternalAggregations.readFrom(in), answer);
                answer.field("rest", in.available());
            }
            case "reduce" -> {
                List<InternalAggregations> partials = new ArrayList<>();
                for (Object bytes : (List<?>) call.get("partials")) {
                    partials.add(InternalAggregations.readFrom(input((String) bytes)));
                }
                AggregatorFactories.Builder builders = builders(call);
                AggregationReduceContext context = call.get("final").equals(true)
                    ? new AggregationReduceContext.ForFinal(BigArrays.NON_RECYCLING_INSTANCE, null, () -> false, builders, count -> {})
                    : new AggregationReduceContext.ForPartial(BigArrays.NON_RECYCLING_INSTANCE, null, () -> false, builders, count -> {});
                show(InternalAggregations.topLevelReduce(partials, context), answer);
            }
            default -> throw new IllegalArgumentException("op");
        }
    }

    static AggregatorFactories.Builder builders(Map<String, Object> call) throws Exception {
        BytesArray body = new BytesArray((String) call.get("aggs"));
        try (XContentParser parser = XContentHelper.createParserNotCompressed(PARSING, body, XContentType.JSON)) {
            parser.nextToken();
            return AggregatorFactories.parseAggregators(parser);
        }
    }

    static void show(InternalAggregations results, XContentBuilder answer) throws Exception {
        XContentBuilder body = JsonXContent.contentBuilder().startObject();
        results.toXContentInternal(body, new ToXContent.MapParams(Map.of("typed_keys", "true")));
        body.endObject();
        answer.field("bytes", base64(write(results)));
        answer.rawField("body", BytesReference.bytes(body).streamInput(), XContentType.JSON);
    }

    static BytesReference write(Writeable message) throws Exception {
        BytesStreamOutput out = new BytesStreamOutput();
        out.setTransportVersion(VERSION);
        message.writeTo(out);
        return out.bytes();
    }

    static StreamInput input(String base64) throws Exception {
        StreamInput in = new NamedWriteableAwareStreamInput(new BytesArray(Base64.getDecoder().decode(base64)).streamInput(), WRITEABLES);
        in.setTransportVersion(VERSION);
        return in;
    }

    static String base64(BytesReference bytes) {
        return Base64.getEncoder().encodeToString(BytesReference.toBytes(bytes));
    }
}
