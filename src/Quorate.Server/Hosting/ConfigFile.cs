using System.Globalization;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace Quorate.Server.Hosting;

/// <summary>A configuration file: YAML, of which JSON is a part (spec 06 §3).</summary>
internal static class ConfigFile
{
    /// <summary>Keys of the two sections for certificates, with the flags that they stand for.</summary>
    private static readonly Dictionary<string, string> s_nested = new()
    {
        ["client-transport-security/cert-file"] = "cert-file",
        ["client-transport-security/key-file"] = "key-file",
        ["client-transport-security/client-cert-file"] = "client-cert-file",
        ["client-transport-security/client-key-file"] = "client-key-file",
        ["client-transport-security/client-cert-auth"] = "client-cert-auth",
        ["client-transport-security/trusted-ca-file"] = "trusted-ca-file",
        ["client-transport-security/auto-tls"] = "auto-tls",
        ["client-transport-security/allowed-hostname"] = "client-cert-allowed-hostname",
        ["peer-transport-security/cert-file"] = "peer-cert-file",
        ["peer-transport-security/key-file"] = "peer-key-file",
        ["peer-transport-security/client-cert-file"] = "peer-client-cert-file",
        ["peer-transport-security/client-key-file"] = "peer-client-key-file",
        ["peer-transport-security/client-cert-auth"] = "peer-client-cert-auth",
        ["peer-transport-security/trusted-ca-file"] = "peer-trusted-ca-file",
        ["peer-transport-security/auto-tls"] = "peer-auto-tls",
        ["peer-transport-security/allowed-cn"] = "peer-cert-allowed-cn",
        ["peer-transport-security/allowed-hostname"] = "peer-cert-allowed-hostname",
        ["peer-transport-security/skip-client-san-verification"] = "peer-skip-client-san-verification",
        ["socket-options/reuse-port"] = "socket-reuse-port",
        ["socket-options/reuse-address"] = "socket-reuse-address",
        ["discovery-config/token"] = "discovery-token",
    };

    private static readonly HashSet<string> s_withoutKey =
        ["client-crl-file", "peer-crl-file", "raft-read-timeout", "raft-write-timeout", "discovery-fallback", "config-file", "version"];

    public static EtcdOptions Read(string path)
    {
        if (!File.Exists(path))
        {
            throw new OptionsException($"open {path}: no such file or directory");
        }

        var values = new Dictionary<string, string>();
        try
        {
            using var text = new StringReader(File.ReadAllText(path));
            var parser = new Parser(text);
            parser.Consume<StreamStart>();
            if (parser.TryConsume<DocumentStart>(out _) && parser.Accept<MappingStart>(out _))
            {
                ReadMapping(parser, "", values);
            }
        }
        catch (YamlException error)
        {
            throw new OptionsException($"error converting YAML to JSON: yaml: {error.Message}");
        }

        return new EtcdOptions(values);
    }

    private static void ReadMapping(Parser parser, string prefix, Dictionary<string, string> values)
    {
        parser.Consume<MappingStart>();
        while (!parser.TryConsume<MappingEnd>(out _))
        {
            string key = (prefix + parser.Consume<Scalar>().Value).ToLowerInvariant();
            if (parser.Accept<MappingStart>(out _))
            {
                ReadMapping(parser, key + "/", values);
                continue;
            }

            FlagDefinition? flag = FlagOf(key);
            if (parser.TryConsume<SequenceStart>(out _))
            {
                var items = new List<string>();
                while (!parser.TryConsume<SequenceEnd>(out _))
                {
                    items.Add(parser.Consume<Scalar>().Value);
                }

                Set(flag, key, string.Join(',', items), isList: true, isQuoted: true, values);
            }
            else
            {
                Scalar scalar = parser.Consume<Scalar>();
                bool isNull = scalar.Style == ScalarStyle.Plain && scalar.Value is "" or "~" or "null";
                if (!isNull)
                {
                    Set(flag, key, scalar.Value, isList: false, isQuoted: scalar.Style != ScalarStyle.Plain, values);
                }
            }
        }
    }

    private static FlagDefinition? FlagOf(string key) =>
        s_nested.TryGetValue(key, out string? nested) ? ServerFlags.ByName[nested]
        : s_withoutKey.Contains(key) || s_nested.ContainsValue(key) ? null
        : ServerFlags.ByName.GetValueOrDefault(key);

    private static void Set(FlagDefinition? flag, string key, string value, bool isList, bool isQuoted, Dictionary<string, string> values)
    {
        if (flag is null)
        {
            return;
        }

        bool wantsList = flag.Kind == FlagKind.List && flag.Name != "host-whitelist";
        bool looksTyped = !isQuoted && (double.TryParse(value, NumberStyles.Float, CultureInfo.InvariantCulture, out _) || value is "true" or "false");
        bool wantsText = flag.Kind is FlagKind.Text or FlagKind.Urls or FlagKind.List;
        if (wantsList != isList || (wantsText && looksTyped) || (!wantsText && (isQuoted || !looksTyped)))
        {
            throw new OptionsException("error unmarshaling JSON: while decoding JSON: json: cannot unmarshal "
                + $"{(isList ? "array" : isQuoted || !looksTyped ? "string" : value is "true" or "false" ? "bool" : "number")} into Go struct field configYAML.{key}");
        }

        if (flag.Kind == FlagKind.Duration)
        {
            // Durations are nanoseconds here.
            value += "ns";
        }

        if (value.Length == 0 && flag.Kind == FlagKind.Urls)
        {
            return;
        }

        if (flag.Name == "initial-cluster-state" && value.Length == 0)
        {
            value = "new";
        }

        if (flag.Fault(value) is { } fault)
        {
            throw new OptionsException(flag.Name switch
            {
                "initial-cluster-state" => $"unexpected clusterState \"{value}\"",
                "feature-gates" => fault,
                _ => $"unexpected error setting up {flag.Name}: {fault}",
            });
        }

        values[flag.Name] = value;
    }
}
