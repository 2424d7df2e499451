import java.io.ByteArrayInputStream;
import java.lang.reflect.Constructor;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.cert.CertificateException;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.util.Base64;
import java.util.Collection;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;

import javax.net.ssl.X509ExtendedTrustManager;
import javax.security.auth.x500.X500Principal;

import org.elasticsearch.common.bytes.BytesArray;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.common.ssl.TrustEverythingConfig;
import org.elasticsearch.common.ssl.X509Field;
import org.elasticsearch.env.Environment;
import org.elasticsearch.xpack.core.ssl.RestrictedTrustManager;
import org.elasticsearch.xpack.security.transport.CrossClusterApiKeySignatureManager;
import org.elasticsearch.xpack.security.transport.X509CertificateSignature;
import org.elasticsearch.xpack.security.transport.filter.SecurityIpFilterRule;

/**
 * Signatures, trust restrictions and IP filters by the classes of 9.5.3 (8.19 has no signatures): a JSON object a line in, one out.
 *   {"op":"sign","certificate":path,"key":path,"texts":[..]}                 -> {"header": text}
 *   {"op":"encode","certificates":[base64 DER],"algorithm":a,"signature":b64} -> {"header": text}
 *   {"op":"verify","authorities":[path],"header":text,"texts":[..]}          -> {"outcome": true | false | class of the exception, "shown": ...}
 *   {"op":"name","certificate":base64 DER}                                   -> {"rfc2253": ..., "shown": ...}
 *   {"op":"identity","pattern":regex,"name":text}                            -> {"matches": bool} or {"invalid": true}
 *   {"op":"restrict","patterns":[..],"fields":[..],"certificate":base64 DER} -> {"trusted": bool, "text": of the refusal}
 *   {"op":"filter","allow":bool,"rule":text,"address":text,"host":text}      -> {"matches": bool, "rule": text} or {"invalid": text}
 */
public class SecurityOracle {
    public static void main(String[] args) throws Exception {
        MessageOracle.serve(SecurityOracle::answer);
    }

    static Map<String, Object> answer(Map<String, Object> call) throws Exception {
        return switch ((String) call.get("op")) {
            case "sign" -> {
                Settings.Builder settings = settings()
                    .put("cluster.remote.a.signing.certificate", text(call, "certificate"))
                    .put("cluster.remote.a.signing.key", text(call, "key"));
                yield Map.of("header", manager(settings).signerForClusterAlias("a").sign(texts(call)).encodeToString());
            }
            case "encode" -> {
                X509Certificate[] chain = list(call, "certificates").stream().map(SecurityOracle::certificate).toArray(X509Certificate[]::new);
                BytesArray signature = new BytesArray(Base64.getDecoder().decode(text(call, "signature")));
                yield Map.of("header", new X509CertificateSignature(chain, text(call, "algorithm"), signature).encodeToString());
            }
            case "verify" -> verify(call);
            case "name" -> {
                X500Principal subject = certificate(text(call, "certificate")).getSubjectX500Principal();
                yield Map.of("rfc2253", subject.getName(X500Principal.RFC2253), "shown", subject.toString());
            }
            case "identity" -> {
                try {
                    yield Map.of("matches", Pattern.compile(text(call, "pattern")).matcher(text(call, "name")).matches());
                } catch (IllegalArgumentException e) {
                    yield Map.of("invalid", true);
                }
            }
            case "restrict" -> restrict(call);
            case "filter" -> {
                try {
                    SecurityIpFilterRule rule = new SecurityIpFilterRule((Boolean) call.get("allow"), text(call, "rule"));
                    byte[] address = InetAddress.getByName(text(call, "address")).getAddress();
                    String host = (String) call.get("host");
                    InetAddress peer = host == null ? InetAddress.getByAddress(address) : InetAddress.getByAddress(host, address);
                    yield Map.of("matches", rule.matches(new InetSocketAddress(peer, 1)), "rule", rule.toString());
                } catch (Exception e) {
                    yield Map.of("invalid", String.valueOf(e.getMessage()));
                }
            }
            default -> throw new IllegalArgumentException((String) call.get("op"));
        };
    }

    static Map<String, Object> verify(Map<String, Object> call) throws Exception {
        Settings.Builder settings = settings();
        List<String> authorities = list(call, "authorities");
        if (authorities.isEmpty() == false) {
            settings.putList("cluster.remote.signing.certificate_authorities", authorities);
        }
        Map<String, Object> answer = new LinkedHashMap<>();
        X509CertificateSignature signature = X509CertificateSignature.decode(text(call, "header"));
        answer.put("shown", X509CertificateSignature.certificateToString(signature.leafCertificate()));
        try {
            answer.put("outcome", manager(settings).verifier().verify(signature, texts(call)));
        } catch (GeneralSecurityException e) {
            answer.put("outcome", "security");
            answer.put("why", e.toString());
        }
        return answer;
    }

    static Map<String, Object> restrict(Map<String, Object> call) throws Exception {
        Class<?> type = Class.forName("org.elasticsearch.xpack.core.ssl.CertificateTrustRestrictions");
        Constructor<?> constructor = type.getDeclaredConstructor(Collection.class);
        constructor.setAccessible(true);
        Set<X509Field> fields = new HashSet<>();
        list(call, "fields").forEach(field -> fields.add(X509Field.parseForRestrictedTrust(field)));
        X509ExtendedTrustManager everybody = TrustEverythingConfig.TRUST_EVERYTHING.createTrustManager();
        Object restrictions = constructor.newInstance(list(call, "patterns"));
        X509ExtendedTrustManager manager = (X509ExtendedTrustManager) RestrictedTrustManager.class.getConstructors()[0]
            .newInstance(everybody, restrictions, fields);
        try {
            manager.checkClientTrusted(new X509Certificate[] { certificate(text(call, "certificate")) }, "RSA");
            return Map.of("trusted", true);
        } catch (CertificateException e) {
            return Map.of("trusted", false, "text", e.getMessage());
        }
    }

    static Settings.Builder settings() {
        return Settings.builder().put("path.home", System.getProperty("es.path.home"));
    }

    static CrossClusterApiKeySignatureManager manager(Settings.Builder settings) {
        return new CrossClusterApiKeySignatureManager(new Environment(settings.build(), Path.of("/")));
    }

    static X509Certificate certificate(String der) {
        try {
            byte[] bytes = Base64.getDecoder().decode(der);
            return (X509Certificate) CertificateFactory.getInstance("X.509").generateCertificate(new ByteArrayInputStream(bytes));
        } catch (CertificateException e) {
            throw new IllegalArgumentException(e);
        }
    }

    static String text(Map<String, Object> call, String name) {
        return (String) call.get(name);
    }

    @SuppressWarnings("unchecked")
    static List<String> list(Map<String, Object> call, String name) {
        return (List<String>) call.get(name);
    }

    static String[] texts(Map<String, Object> call) {
        return list(call, "texts").toArray(String[]::new);
    }
}
